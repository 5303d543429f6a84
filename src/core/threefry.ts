/**
 * Counter-based random bits: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011). A position and a key give the bits, so the result depends on nothing else: not on
 * the number of threads, not on the order of evaluation.
 */
export const THREEFRY_ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** The constant of the key schedule (Skein's C240, cut to 32 bits). */
export const THREEFRY_PARITY = 0x1bd11bda;

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** The two 32-bit words for counter (`c0`, `c1`) under key (`k0`, `k1`), as unsigned integers. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const key = [k0 | 0, k1 | 0, k0 ^ k1 ^ THREEFRY_PARITY] as const;
  let x0 = (c0 + key[0]) | 0;
  let x1 = (c1 + key[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      x0 = (x0 + x1) | 0;
      x1 = rotateLeft(x1, THREEFRY_ROTATIONS[(group % 2) * 4 + round] ?? 0) ^ x0;
    }
    x0 = (x0 + (key[(group + 1) % 3] ?? 0)) | 0;
    x1 = (x1 + (key[(group + 2) % 3] ?? 0) + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** A stream of random numbers on the host, for shuffling and augmentation; its whole state is two numbers. */
export class HostRandom {
  readonly seed: number;
  /** How many 32-bit words were drawn; save and restore it to continue a stream. */
  position: number;

  constructor(seed: number, position = 0) {
    this.seed = seed;
    this.position = position;
  }

  /** The next 32 bits as an unsigned integer. */
  bits(): number {
    const at = this.position++;
    return threefry2x32(
      this.seed | 0,
      Math.floor(this.seed / 2 ** 32) | 0,
      at | 0,
      Math.floor(at / 2 ** 32),
    )[0];
  }

  /** A number in [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer in [0, n). */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A standard normal number (Box and Muller 1958). */
  normal(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The integers 0 to n - 1 in random order (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const other = order[j] ?? 0;
      order[j] = order[i] ?? 0;
      order[i] = other;
    }
    return order;
  }

  /** An independent stream; the same `label` gives the same stream. */
  fork(label: number): HostRandom {
    const [lo, hi] = threefry2x32(this.seed | 0, Math.floor(this.seed / 2 ** 32) | 0, label | 0, 0x5eed);
    return new HostRandom(lo + (hi & 0xfffff) * 2 ** 32);
  }
}
