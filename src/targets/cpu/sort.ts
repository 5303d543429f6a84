/**
 * Stable sorting → loop IR: insertion sort of short runs, then merging from the bottom up, back and forth between the
 * result and the scratch buffer. What moves are indices; keys stay where they are.
 */
import { bytesPerElement, isFloat } from '../../core/dtype.js';
import type { SortKernel } from '../../compiler/kernel.js';
import { ELEMENT } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweredKernel, LoweringContext } from './lowered-kernel.js';

/** Runs of so many are sorted by insertion. */
const RUN = 8;
/** Rough operations to move one index in a pass, wrong branch predictions included. */
const MOVE_WORK = 12;

/** Lowers a sort; a unit is one row along the sorted axis. */
export function lowerSort(kernel: SortKernel, name: string, context: LoweringContext): LoweredKernel {
  const { outer, length, inner, source, buffer, scratch, dtype } = kernel;
  const passes = length <= RUN ? 0 : Math.ceil(Math.log2(length / RUN));
  const sortRuns = `${name}_runs`;
  const mergeRuns = `${name}_merge`;
  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const bases = [source, buffer, scratch].map((each) => b.let(context.base(b, table, each), 'base'));
    const [sourceBase, bufferBase, scratchBase] = bases as [Expr, Expr, Expr];
    b.for(begin, end, 1, (unit) => {
      const row = b.let(firstOfRow(kernel, unit));
      const keys = b.let(ir.add(sourceBase, ir.mul(row, ir.i32(bytesPerElement(dtype)))));
      const result = b.let(ir.add(bufferBase, ir.mul(row, ir.i32(4))));
      const other = b.let(ir.add(scratchBase, ir.mul(row, ir.i32(4))));
      // The last pass ends in the result.
      let [from, to] = passes % 2 === 0 ? [result, other] : [other, result];
      b.call(sortRuns, keys, from);
      for (let pass = 0; pass < passes; pass++) {
        b.call(mergeRuns, keys, from, to, ir.i32(RUN * 2 ** pass));
        [from, to] = [to, from];
      }
    });
  });
  return {
    functions: [sortRunsFunction(kernel, sortRuns), mergeRunsFunction(kernel, mergeRuns), run],
    entry: name,
    units: length === 0 ? 0 : outer * inner,
    unitWork: length * (RUN + passes) * MOVE_WORK,
  };
}

/** The position of a row's first element. */
function firstOfRow({ length, inner }: SortKernel, unit: Expr): Expr {
  if (inner === 1) return ir.mul(unit, ir.i32(length));
  const outer = ir.binary('divU', unit, ir.i32(inner));
  return ir.add(ir.mul(outer, ir.i32(length * inner)), ir.binary('remU', unit, ir.i32(inner)));
}

/** The key of an index, in a row of keys. */
function keyOf(b: Builder, { dtype, inner }: SortKernel, keys: Expr, index: Expr): Expr {
  const address = ir.add(keys, ir.mul(index, ir.i32(inner * bytesPerElement(dtype))));
  return b.let(ir.load(ELEMENT[dtype], address), 'key');
}

/** Whether key `x` must come before key `y`, which stands in front of it. Equal keys stay; NaN comes last either way. */
function precedes({ dtype, descending }: SortKernel, x: Expr, y: Expr): Expr {
  if (!isFloat(dtype)) {
    const unsigned = dtype === 'uint32';
    return ir.compare(descending ? (unsigned ? 'gtU' : 'gt') : unsigned ? 'ltU' : 'lt', x, y);
  }
  // x is a number, and y is either NaN or not before or beside x.
  const stays = ir.compare(descending ? 'ge' : 'le', y, x);
  return ir.binary('and', ir.compare('eq', x, x), ir.binary('xor', stays, ir.i32(1)));
}

/** Writes the indices of a row, each run of them sorted. */
function sortRunsFunction(kernel: SortKernel, name: string): ir.Func {
  const { length, inner } = kernel;
  const step = inner * 4;
  return ir.func(name, ['keys', 'row'], (b, keys, row) => {
    b.for(ir.i32(0), ir.i32(length), RUN, (start) => {
      const end = b.let(ir.binary('minS', ir.add(start, ir.i32(RUN)), ir.i32(length)));
      b.for(start, end, 1, (index) => {
        const key = keyOf(b, kernel, keys, index);
        const hole = b.variable(index, 'hole');
        const moving = b.variable(ir.compare('gt', index, start), 'moving');
        b.while(ir.get(moving), () => {
          const address = b.let(ir.add(row, ir.mul(ir.get(hole), ir.i32(step))));
          const before = b.let(ir.load('i32', b.let(ir.sub(address, ir.i32(step)))));
          const otherKey = keyOf(b, kernel, keys, before);
          b.if(
            precedes(kernel, key, otherKey),
            () => {
              b.store('i32', address, before);
              b.set(hole, ir.sub(ir.get(hole), ir.i32(1)));
              b.set(moving, ir.compare('gt', ir.get(hole), start));
            },
            () => {
              b.set(moving, ir.i32(0));
            },
          );
        });
        b.store('i32', ir.add(row, ir.mul(ir.get(hole), ir.i32(step))), index);
      });
    });
  });
}

/** Merges neighbouring runs of `width` indices in the row `from` into runs twice as long in the row `to`. */
function mergeRunsFunction(kernel: SortKernel, name: string): ir.Func {
  const { length, inner } = kernel;
  const step = ir.i32(inner * 4);
  return ir.func(name, ['keys', 'from', 'to', 'width'], (b, keys, from, to, width) => {
    const start = b.variable(ir.i32(0), 'start');
    b.while(ir.compare('lt', ir.get(start), ir.i32(length)), () => {
      const limit = (n: Expr): Expr => b.let(ir.binary('minS', n, ir.i32(length)));
      const middle = limit(ir.add(ir.get(start), width));
      const end = limit(ir.add(middle, width));
      const address = (row: Expr, n: Expr): Expr => ir.add(row, ir.mul(n, step));
      const leftEnd = b.let(address(from, middle));
      const rightEnd = b.let(address(from, end));
      const left = b.variable(address(from, ir.get(start)), 'left');
      const right = b.variable(leftEnd, 'right');
      const out = b.variable(address(to, ir.get(start)), 'out');
      const put = (index: Expr): void => {
        b.store('i32', ir.get(out), index);
        b.set(out, ir.add(ir.get(out), step));
      };

      const index = { left: ir.local('i32', 'leftIndex'), right: ir.local('i32', 'rightIndex') };
      const keyType = ir.loadedType(ELEMENT[kernel.dtype]);
      const key = { left: ir.local(keyType, 'leftKey'), right: ir.local(keyType, 'rightKey') };
      const read = (side: 'left' | 'right', place: Expr): void => {
        b.set(index[side], ir.load('i32', place));
        b.set(key[side], keyOf(b, kernel, keys, ir.get(index[side])));
      };
      const merging = b.variable(ir.compare('lt', middle, end), 'merging');
      b.if(ir.get(merging), () => {
        read('left', ir.sub(leftEnd, step));
        read('right', ir.get(right));
        // Runs that are in order already are only copied.
        b.set(merging, precedes(kernel, ir.get(key.right), ir.get(key.left)));
        read('left', ir.get(left));
      });
      b.while(ir.get(merging), () => {
        b.if(
          precedes(kernel, ir.get(key.right), ir.get(key.left)),
          () => {
            put(ir.get(index.right));
            b.set(right, ir.add(ir.get(right), step));
            b.set(merging, ir.compare('ne', ir.get(right), rightEnd));
            b.if(ir.get(merging), () => {
              read('right', ir.get(right));
            });
          },
          () => {
            put(ir.get(index.left));
            b.set(left, ir.add(ir.get(left), step));
            b.set(merging, ir.compare('ne', ir.get(left), leftEnd));
            b.if(ir.get(merging), () => {
              read('left', ir.get(left));
            });
          },
        );
      });
      for (const [place, stop] of [
        [left, leftEnd],
        [right, rightEnd],
      ] as const) {
        b.while(ir.compare('ne', ir.get(place), stop), () => {
          put(ir.load('i32', ir.get(place)));
          b.set(place, ir.add(ir.get(place), step));
        });
      }
      b.set(start, end);
    });
  });
}
