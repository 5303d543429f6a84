/** Comparing numbers that were computed in different ways. */
import { expect } from 'vitest';

/** How far numbers may be apart: `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/** Expects lists of numbers to agree; the message names the first position where they do not. NaN equals NaN. */
export function expectClose(
  actual: Iterable<number>,
  expected: readonly number[],
  { absolute = 1e-5, relative = 1e-5 }: Tolerance = {},
  what = 'values',
): void {
  const list = [...actual];
  expect(list.length, `number of ${what}`).toBe(expected.length);
  expected.forEach((value, i) => {
    const found = list[i] ?? Number.NaN;
    if (Object.is(found, value) || found === value) return;
    const distance = Math.abs(found - value);
    if (!(distance <= absolute + relative * Math.abs(value)))
      expect.fail(
        `${what} differ at ${i}: expected ${value}, got ${found} (all: ${list.slice(0, 12).join(', ')})`,
      );
  });
}
