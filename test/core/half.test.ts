import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fromBfloat16Bits,
  fromFloat16Bits,
  roundHalfToEven,
  toBfloat16Bits,
  toFloat16Bits,
} from '../../src/core/half.js';

describe('float16 (IEEE 754 binary16)', () => {
  test.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [1e300, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.001, 0x0001],
    [1023.5 * 2 ** -24, 0x0400],
    [1 / 3, 0x3555],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
    [5e-324, 0x0000],
  ])('%s has bits %i', (value, bits) => {
    expect(toFloat16Bits(value)).toBe(bits);
  });

  test('NaN stays NaN', () => {
    expect(fromFloat16Bits(toFloat16Bits(NaN))).toBeNaN();
  });

  test('every value survives the way there and back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromFloat16Bits(bits);
      if (!Number.isNaN(value)) expect(toFloat16Bits(value)).toBe(bits);
    }
  });
});

describe('bfloat16', () => {
  const upperHalf = (value: number): number => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value);
    return view.getUint16(0);
  };

  test('every value is the upper half of a float32, there and back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromBfloat16Bits(bits);
      if (Number.isNaN(value)) continue;
      expect(upperHalf(value)).toBe(bits);
      expect(toBfloat16Bits(value)).toBe(bits);
    }
  });

  test('rounds to one of the two neighbours, whichever is nearer', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: 1, max: 2 ** 100 }), (value) => {
        const below = fromBfloat16Bits(upperHalf(value));
        const above = fromBfloat16Bits(upperHalf(value) + 1);
        const nearest = value - below < above - value ? below : above;
        if (value - below !== above - value) expect(fromBfloat16Bits(toBfloat16Bits(value))).toBe(nearest);
      }),
    );
  });

  test('ties go to even, and beyond the largest value to infinity', () => {
    expect(toBfloat16Bits(1 + 2 ** -8)).toBe(0x3f80);
    expect(toBfloat16Bits(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(toBfloat16Bits(3.4e38)).toBe(0x7f80);
    expect(fromBfloat16Bits(toBfloat16Bits(NaN))).toBeNaN();
  });
});

test('halves round to even', () => {
  expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994].map(roundHalfToEven)).toEqual([
    -2, -2, -0, 0, 2, 2, 0,
  ]);
});
