/** Made-up data: the time of a step does not depend on what is in the pictures. */

export interface Batch {
  readonly x: Float32Array;
  readonly y: Int32Array;
}

/** Numbers from 0 to 1, the same ones for the same seed (xorshift32: G. Marsaglia, "Xorshift RNGs", 2003). */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed;
  return new Float32Array(length).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  });
}

/** Several batches with labels from 0 to 9, in host memory. */
export function batches(count: number, size: number, pixels: number): Batch[] {
  return Array.from({ length: count }, (_, n) => ({
    x: noise(size * pixels, n + 1),
    y: Int32Array.from(noise(size, 1000 + n), (u) => Math.floor(u * 10)),
  }));
}
