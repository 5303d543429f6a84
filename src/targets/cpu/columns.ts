/** What kernels over [outer, length, inner] share: blocks of inner columns as units of work, and the loop over such a block. */
import type { DType } from '../../core/dtype.js';
import type { Variable } from '../../compiler/index-expr.js';
import { visit, type Scalar } from '../../compiler/scalar-expr.js';
import { Emitter, scalarType } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweringContext } from './lowered-kernel.js';

/** Units of work that let a few threads share a kernel evenly. */
export const ENOUGH_UNITS = 16;
/** Columns of two units should not share a cache line, nor two that are fetched together: 128 bytes of float32. */
const COLUMNS_TOGETHER = 32;

/** An emitter that looks up the address of each buffer once, at the top of the function being built. */
export function emitterAtTop(b: Builder, table: Expr, context: LoweringContext): Emitter {
  const top = b.statements;
  const bases = new Map<number, Expr>();
  const base = (buffer: number): Expr => {
    let known = bases.get(buffer);
    if (known === undefined) {
      const here = b.statements;
      b.statements = top;
      known = b.let(context.base(b, table, buffer), 'base');
      b.statements = here;
      bases.set(buffer, known);
    }
    return known;
  };
  return new Emitter({
    b,
    machine: context.machine,
    base,
    scalars: context.scalars(b, table),
    ...(context.sizeOf === undefined ? {} : { sizeOf: context.sizeOf }),
  });
}

/** The inner columns, cut into blocks of `width`. */
export interface Columns {
  readonly variable: Variable;
  readonly width: number;
  readonly blocks: number;
  /** Whether L neighbours are computed at a time. */
  readonly vector: boolean;
}

/** Cuts the columns so that, times `outer`, there are enough units. `value` is what will be computed in them, as `dtype`. */
export function cutColumns(
  variable: Variable,
  outer: number,
  value: Scalar,
  dtype: DType,
  lanes: number,
): Columns {
  const { extent } = variable;
  const wanted = Math.ceil(ENOUGH_UNITS / Math.max(1, outer));
  const width = Math.ceil(extent / wanted / COLUMNS_TOGETHER) * COLUMNS_TOGETHER;
  const vector = extent >= lanes && dtype !== 'bool' && fitsLanes(value);
  if (width === 0 || width >= extent) return { variable, width: extent, blocks: 1, vector };
  return { variable, width, blocks: Math.ceil(extent / width), vector };
}

/** Whether nothing in `value` is computed as float64, of which there are no vectors. */
function fitsLanes(value: Scalar): boolean {
  let fits = true;
  visit([value], (scalar) => {
    if (scalarType(scalar.dtype) === 'f64') fits = false;
  });
  return fits;
}

/** Visits the columns from..to (a block): L at a time with `vector` true, then what is left one by one. */
export function forColumns(
  emitter: Emitter,
  columns: Columns,
  from: Expr,
  to: Expr,
  body: (column: Expr, vector: boolean) => void,
): void {
  const { b, lanes } = emitter;
  const { variable, vector } = columns;
  if (variable.extent === 1) {
    emitter.scope(new Map([[variable, ir.i32(0)]]), () => {
      body(ir.i32(0), false);
    });
    return;
  }
  let rest = from;
  if (vector) {
    b.for(from, ir.sub(to, ir.i32(lanes - 1)), lanes, (column) => {
      emitter.scope(
        new Map([[variable, column]]),
        () => {
          body(column, true);
        },
        variable,
      );
    });
    if (variable.extent % lanes === 0) return;
    rest = ir.sub(to, ir.binary('and', ir.sub(to, from), ir.i32(lanes - 1)));
  }
  b.for(rest, to, 1, (column) => {
    emitter.scope(new Map([[variable, column]]), () => {
      body(column, false);
    });
  });
}

/** Rough operations to compute scalars once. */
export function weightOf(...values: readonly Scalar[]): number {
  let weight = 0;
  visit(values, () => {
    weight += 1;
  });
  return weight;
}

/** The sum of two numbers of `dtype`; of truth values, whether any is true. */
export const sumOf = (dtype: DType, x: Expr, y: Expr): Expr =>
  dtype === 'bool' ? ir.binary('or', x, y) : ir.add(x, y);
