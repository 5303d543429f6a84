/** Running sums → loop IR. */
import { bytesPerElement } from '../../core/dtype.js';
import type { CumulativeKernel } from '../../compiler/kernel.js';
import { cutColumns, emitterAtTop, forColumns, sumOf, weightOf } from './columns.js';
import { ELEMENT, scalarType, type Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Expr } from './ir.js';
import type { LoweredKernel, LoweringContext } from './lowered-kernel.js';

/**
 * Lowers running sums; a unit is one of `outer`, or a block of its columns. A single row of float32 is summed in float64,
 * where rounding does not add up over long rows; columns side by side are summed as they are stored.
 */
export function lowerCumulative(
  kernel: CumulativeKernel,
  name: string,
  context: LoweringContext,
): LoweredKernel {
  const { outer, position, inner, value, dtype } = kernel;
  const columns = cutColumns(inner, outer.extent, value, dtype, context.machine.lanes);
  const { width, blocks } = columns;
  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const emitter = emitterAtTop(b, table, context);
    const base = b.let(context.base(b, table, kernel.buffer), 'result');
    b.for(begin, end, 1, (unit) => {
      const at = blocks === 1 ? unit : b.let(ir.binary('divU', unit, ir.i32(blocks)));
      const bytes = position.extent * inner.extent * bytesPerElement(dtype);
      const first = b.let(ir.add(base, ir.mul(at, ir.i32(bytes))));
      emitter.scope(new Map([[outer, at]]), () => {
        if (inner.extent === 1) {
          sumRow(kernel, emitter, first);
          return;
        }
        const from =
          blocks === 1 ? ir.i32(0) : b.let(ir.mul(ir.binary('remU', unit, ir.i32(blocks)), ir.i32(width)));
        const to = b.let(ir.binary('minS', ir.add(from, ir.i32(width)), ir.i32(inner.extent)));
        sumColumns(kernel, emitter, first, (body) => {
          forColumns(emitter, columns, from, to, body);
        });
      });
    });
  });
  const empty = position.extent === 0 || inner.extent === 0;
  const perElement = (weightOf(value) + 3) / (columns.vector ? context.machine.lanes : 1);
  return {
    functions: [run],
    entry: name,
    units: empty ? 0 : outer.extent * blocks,
    unitWork: position.extent * width * perElement,
  };
}

/** One row, its sum in a register. */
function sumRow({ position, inner, value, dtype }: CumulativeKernel, emitter: Emitter, first: Expr): void {
  const { b } = emitter;
  const widened = dtype === 'float32';
  const sum = b.variable(ir.constant(widened ? 'f64' : scalarType(dtype), 0), 'sum');
  b.for(ir.i32(0), ir.i32(position.extent), 1, (p) => {
    emitter.scope(
      new Map([
        [position, p],
        [inner, ir.i32(0)],
      ]),
      () => {
        const next = emitter.value(value);
        b.set(sum, sumOf(dtype, ir.get(sum), widened ? ir.convert('widen', 'f64', next) : next));
        const rounded = widened ? ir.convert('narrow', 'f32', ir.get(sum)) : ir.get(sum);
        b.store(ELEMENT[dtype], ir.add(first, ir.mul(p, ir.i32(bytesPerElement(dtype)))), rounded);
      },
    );
  });
}

/** Row by row: each is the one before it, just written, plus the values. Memory is passed through in order. */
function sumColumns(
  { position, inner, value, dtype }: CumulativeKernel,
  emitter: Emitter,
  first: Expr,
  eachColumn: (body: (column: Expr, vector: boolean) => void) => void,
): void {
  const { b } = emitter;
  const element = ELEMENT[dtype];
  const bytes = bytesPerElement(dtype);
  const rowBytes = inner.extent * bytes;
  const row = (p: Expr, before: (address: Expr, vector: boolean) => Expr): void => {
    const start = b.let(ir.add(first, ir.mul(p, ir.i32(rowBytes))));
    emitter.scope(new Map([[position, p]]), () => {
      eachColumn((column, vector) => {
        const next = vector ? emitter.vectorValue(value) : emitter.value(value);
        const address = b.let(ir.add(start, ir.mul(column, ir.i32(bytes))));
        b.store(element, address, sumOf(dtype, before(address, vector), next));
      });
    });
  };
  // Zero is added to the first row as well: the sum of -0 alone is 0, as in every other sum.
  row(ir.i32(0), (_, vector) => zeroOf(dtype, vector));
  b.for(ir.i32(1), ir.i32(position.extent), 1, (p) => {
    row(p, (address, vector) => ir.load(element, b.let(ir.sub(address, ir.i32(rowBytes))), 0, vector));
  });
}

function zeroOf(dtype: CumulativeKernel['dtype'], vector: boolean): Expr {
  const type = scalarType(dtype);
  if (!vector || type === 'f64') return ir.constant(type, 0);
  return ir.constant(type === 'f32' ? 'f32v' : 'i32v', 0);
}
