import { ArgumentError } from '../core/errors.js';

/** Throws unless every number lies in [0, 1): rates of moving averages. */
export function checkRates(name: string, rates: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(rates)) {
    if (!(value >= 0 && value < 1)) {
      throw new ArgumentError(`${name}: ${option} is ${value}`, `${option} must be at least 0 and below 1`);
    }
  }
}

/** Throws unless every number is at least 0. */
export function checkAmounts(name: string, amounts: Readonly<Record<string, number | undefined>>): void {
  for (const [option, value] of Object.entries(amounts)) {
    if (value !== undefined && !(value >= 0 && value < Infinity)) {
      throw new ArgumentError(`${name}: ${option} is ${value}`, `${option} must be a number of at least 0`);
    }
  }
}
