/** Functions of float64 that `Math` lacks. Plain JavaScript, because worker threads load it as it is. */

/**
 * 2/√π ∫₀ˣ e^(-t²) dt, to about one unit in the last place.
 * @param {number} x
 * @returns {number}
 */
export function erf(x) {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (size > 6) return Math.sign(x);
  return size < 2.5 ? erfSeries(x) : Math.sign(x) * (1 - erfcFraction(size));
}

/**
 * Abramowitz and Stegun 7.1.6: all terms have the sign of x, so nothing cancels.
 * @param {number} x
 */
function erfSeries(x) {
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/**
 * Abramowitz and Stegun 7.1.14, from the innermost of 60 levels outwards; for x of at least 2.
 * @param {number} x
 */
function erfcFraction(x) {
  let denominator = x;
  for (let n = 60; n >= 1; n--) denominator = x + n / 2 / denominator;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * denominator);
}

/**
 * C's pow: 1 to any power is 1, and so is -1 to an infinite one (ECMAScript says NaN).
 * @param {number} base
 * @param {number} exponent
 */
export function pow(base, exponent) {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Infinity)) return 1;
  return base ** exponent;
}
