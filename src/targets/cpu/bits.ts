/** The bits of constants. */

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of a float32. */
export function floatBits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getInt32(0);
}

/** The 32 bits of a lane of the constant `value`. There are no vectors of f64. */
export const laneBits = (type: 'i32' | 'f32' | 'f64', value: number): number =>
  type === 'i32' ? value | 0 : floatBits(value);
