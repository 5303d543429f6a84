import { UsageError } from './usage-error.js';

/** Reads an option that is a whole number of at least `least`. */
export function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new UsageError(
        `${option} is '${text}'; it must be a whole number of at least ${least}`,
        `for example ${option} ${Math.max(least, EXAMPLES[option] ?? 1)}`,
      );
    }
    return value;
  };
}

/** Reads an option that is a number above zero. */
export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value <= 0) {
      throw new UsageError(
        `${option} is '${text}'; it must be a number above zero`,
        `for example ${option} ${EXAMPLES[option] ?? 1}`,
      );
    }
    return value;
  };
}

const EXAMPLES: Readonly<Record<string, number>> = {
  '--epochs': 5,
  '--batch-size': 64,
  '--lr': 0.001,
  '--seed': 1,
  '--threads': 2,
  '--limit': 1000,
  '--repeats': 20,
};
