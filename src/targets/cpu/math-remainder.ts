/** The remainder of a division in float32. */
import {
  add,
  binary,
  compare,
  constant,
  get,
  mul,
  select,
  sub,
  unary,
  type Builder,
  type Expr,
} from './ir.js';
import { and, anyLane, bitsOf, floatOf, integerType, is, like, signBit, upperHalf } from './math-support.js';

/**
 * The remainder of x/y with the sign of x, as C's fmod: exact, unless y is subnormal. Quotients beyond 2¹¹ take one more round for
 * every 11 bits.
 */
export function mod(b: Builder, x: Expr, y: Expr): Expr {
  const dividend = b.let(x);
  const size = b.let(unary('abs', dividend));
  const divisor = b.let(unary('abs', y));
  const type = integerType(x);
  const [low, shift] = [constant(type, 11), constant('i32', 23)];
  const valid = b.let(and(is('lt', size, Infinity), is('gt', divisor, 0)));
  // A NaN on either side ends the loop at once, since no comparison with it holds.
  const rest = b.variable(select(valid, size, like(x, 0)), 'rest');
  const unfinished = (): Expr => compare('ge', get(rest), divisor);
  b.while(anyLane(unfinished()), () => {
    const current = get(rest);
    const exponents = sub(binary('shrU', bitsOf(current), shift), binary('shrU', bitsOf(divisor), shift));
    const steps = binary('maxS', sub(exponents, low), constant(type, 0));
    const multiple = b.let(floatOf(add(bitsOf(divisor), binary('shl', steps, shift))));
    const quotient = b.let(unary('trunc', binary('div', current, multiple)));
    const high = b.let(upperHalf(multiple));
    const reduced = b.let(sub(sub(current, mul(quotient, high)), mul(quotient, sub(multiple, high))));
    // The quotient may have been rounded up to the next integer.
    const mended = b.let(select(is('lt', reduced, 0), add(reduced, multiple), reduced));
    b.set(rest, select(unfinished(), mended, current));
  });
  const result = floatOf(binary('or', bitsOf(get(rest)), signBit(dividend)));
  const defined = and(valid, compare('eq', divisor, divisor));
  return b.let(select(defined, result, like(x, NaN)), 'mod');
}
