/** Numbers that fit into instructions. */

/**
 * The fields N:immr:imms of a 32-bit constant of and, orr and eor, or undefined if it has none: a run of ones, rotated, in elements of 2, 4, 8,
 * 16 or 32 bits that are all equal (DecodeBitMasks in the manual's pseudocode).
 */
export function logicalImmediate(value: number): number | undefined {
  const whole = value >>> 0;
  if (whole === 0 || whole === 0xffffffff) return undefined;
  let size = 32;
  while (size > 2) {
    const half = size / 2;
    const mask = 2 ** half - 1;
    if ((whole & mask) !== ((whole >>> half) & mask)) break;
    size = half;
  }
  const mask = 2 ** size - 1;
  const element = (whole & mask) >>> 0;
  for (let rotation = 0; rotation < size; rotation++) {
    // Turned left by the rotation, the ones are at the bottom.
    const turned =
      rotation === 0 ? element : (((element << rotation) | (element >>> (size - rotation))) & mask) >>> 0;
    const ones = 32 - Math.clz32(turned);
    if (turned !== 2 ** ones - 1) continue;
    // The size is told by the ones above the count.
    const imms = ((~(size * 2 - 1) & 0x3f) | (ones - 1)) & 0x3f;
    return (rotation << 6) | imms;
  }
  return undefined;
}

/** Whether add and sub can hold a number: 12 bits, or 12 bits and 12 zeros. */
export const isArithmeticImmediate = (value: number): boolean =>
  value >= 0 && (value < 0x1000 || (value < 0x1000000 && (value & 0xfff) === 0));

/** The eight bits of a float that fmov can hold, ±n/16 · 2^r with n of 16 to 31 and r of -3 to 4, from the bits of the float32. */
export function floatImmediate(bits: number): number | undefined {
  if ((bits & 0x7ffff) !== 0) return undefined;
  const exponent = (bits >>> 25) & 0x3f;
  if (exponent !== 0x1f && exponent !== 0x20) return undefined;
  return ((bits >>> 24) & 0x80) | ((bits >>> 19) & 0x7f);
}

/** How movi (or mvni, if inverted) makes a 32-bit pattern in each lane: one byte, and how far it is moved, in bytes. */
export function byteImmediate(
  bits: number,
): { readonly byte: number; readonly shift: number; readonly inverted: boolean } | undefined {
  for (const inverted of [false, true]) {
    const pattern = (inverted ? ~bits : bits) >>> 0;
    for (let shift = 0; shift < 4; shift++) {
      const byte = pattern >>> (8 * shift);
      if (byte <= 0xff && (byte << (8 * shift)) >>> 0 === pattern) return { byte, shift, inverted };
    }
  }
  return undefined;
}
