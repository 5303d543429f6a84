/** Loop kernels → loop IR: which axes are vectors, which are parallel units of work, and the loops over those. */
import { add, ofVariable, scale, variable, type Variable } from '../../compiler/index-expr.js';
import type { LoopKernel } from '../../compiler/kernel.js';
import { Substitution } from '../../compiler/loop-nest.js';
import { emitterAtTop, weightOf } from './columns.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import { interleaved } from './interleave.js';
import { RowEmitter, type Nest } from './loop-rows.js';
import type { Machine } from './machine.js';
import type { LoweredKernel, LoweringContext } from './lowered-kernel.js';
import { chooseSquares, type SquareChoice } from './squares.js';
import { SquareEmitter, squareLoops } from './square-rows.js';
import { chooseVector, mayOverrun } from './vector-axis.js';

/** Units of work that let a few threads share a kernel evenly. */
const ENOUGH_UNITS = 48;
/** Points of a long vector loop in one unit. */
const BLOCK_POINTS = 4096;

/** Rows that number the units together, and those inside. */
function cutRows(rows: readonly Variable[]): Pick<Nest, 'units' | 'inner'> {
  let units = 0;
  let product = 1;
  while (units < rows.length && product < ENOUGH_UNITS) product *= rows[units++]?.extent ?? 1;
  return { units: rows.slice(0, units), inner: rows.slice(units) };
}

function nestOf(kernel: LoopKernel, vector: Variable | undefined, machine: Machine): Nest {
  const vectorIsRow = vector !== undefined && kernel.rows.includes(vector);
  const columns = kernel.columns.filter((v) => v !== vector);
  return {
    ...cutRows(kernel.rows.filter((v) => v !== vector)),
    vector,
    vectorIsRow,
    mayOverrun: vector !== undefined && mayOverrun(kernel, vector, machine),
    columns,
  };
}

/** Cuts a long vector loop of a kernel with few rows into blocks, which become rows of their own. */
function block(
  kernel: LoopKernel,
  vector: Variable | undefined,
): { kernel: LoopKernel; vector: Variable | undefined } {
  if (vector === undefined || !kernel.rows.includes(vector) || vector.extent <= BLOCK_POINTS)
    return { kernel, vector };
  const others = kernel.rows.reduce((product, v) => (v === vector ? product : product * v.extent), 1);
  if (others >= ENOUGH_UNITS) return { kernel, vector };
  const size = blockSize(vector.extent);
  if (size === undefined) return { kernel, vector };
  const outer = variable(vector.extent / size);
  const inner = variable(size);
  const substitution = new Substitution(
    new Map([[vector, add(scale(ofVariable(outer), size), ofVariable(inner))]]),
  );
  return {
    kernel: {
      ...kernel,
      rows: kernel.rows.flatMap((v) => (v === vector ? [outer, inner] : [v])),
      stages: kernel.stages.map(substitution.stage),
    },
    vector: inner,
  };
}

/** A divisor of `extent` near the size of a block, if there is one. */
function blockSize(extent: number): number | undefined {
  for (
    let blocks = Math.ceil(extent / BLOCK_POINTS);
    blocks <= Math.min(extent, 64 + extent / 512);
    blocks++
  ) {
    if (extent % blocks === 0) return extent / blocks;
  }
  return undefined;
}

/** The kernel, with two of its loops joined where that makes vectors cheaper, and the vector axis. */
function chooseLoops(
  kernel: LoopKernel,
  machine: Machine,
): { kernel: LoopKernel; vector: Variable | undefined; cost: number } {
  let choice = chooseVector(kernel, machine);
  let best = kernel;
  // Spreading what windows share takes permutations.
  for (const other of machine.masks ? interleaved(kernel) : []) {
    const otherChoice = chooseVector(other, machine);
    if (otherChoice === undefined || otherChoice.cost >= (choice?.cost ?? 1)) continue;
    choice = otherChoice;
    best = other;
  }
  return { kernel: best, vector: choice?.vector, cost: choice?.cost ?? 1 };
}

/** Lowers a loop kernel; its units are the outer rows. */
export function lowerLoop(given: LoopKernel, name: string, context: LoweringContext): LoweredKernel {
  const chosen = chooseLoops(given, context.machine);
  const squares = chooseSquares(given, context.machine);
  if (squares !== undefined && squares.cost < chosen.cost) return lowerSquares(given, squares, name, context);
  const { kernel, vector } = block(chosen.kernel, chosen.vector);
  const nest = nestOf(kernel, vector, context.machine);
  const units = nest.units.reduce((product, v) => product * v.extent, 1);
  const points = [...kernel.rows, ...kernel.columns].reduce((product, v) => product * v.extent, 1);
  // A single long vector loop over rows has no outer variable: its units are ranges of points.
  const range =
    nest.units.length === 0 && nest.vectorIsRow && points > BLOCK_POINTS ? nest.vector : undefined;
  const total = range === undefined ? units : Math.ceil(range.extent / BLOCK_POINTS);

  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const emitter = emitterAtTop(b, table, context);
    emitter.expect(kernel.stages.map((stage) => stage.value));
    const rows = new RowEmitter(kernel, nest, emitter, context);
    b.for(begin, end, 1, (unit) => {
      if (range === undefined) {
        emitter.scope(decode(b, unit, nest.units), () => {
          rows.loops(nest.inner);
        });
      } else {
        const from = b.let(ir.mul(unit, ir.i32(BLOCK_POINTS)));
        rows.vectorRows(
          from,
          b.let(ir.binary('minS', ir.add(from, ir.i32(BLOCK_POINTS)), ir.i32(range.extent))),
        );
      }
    });
  });
  const workPerPoint = Math.max(1, weightOf(...kernel.stages.map((stage) => stage.value)));
  const isEmpty = points === 0 && kernel.rows.some((v) => v.extent === 0);
  return {
    functions: [run],
    entry: name,
    units: isEmpty ? 0 : total,
    unitWork: (points * workPerPoint) / Math.max(1, total),
  };
}

/** As {@link lowerLoop}, for a map that goes over squares of points. */
function lowerSquares(
  kernel: LoopKernel,
  choice: SquareChoice,
  name: string,
  context: LoweringContext,
): LoweredKernel {
  const loops = squareLoops(kernel, choice, context.machine);
  const { units, inner } = cutRows(loops.rows);
  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const emitter = emitterAtTop(b, table, context);
    const squares = new SquareEmitter(loops, emitter, context);
    b.for(begin, end, 1, (unit) => {
      emitter.scope(decode(b, unit, units), () => {
        squares.loops(inner);
      });
    });
  });
  const total = units.reduce((product, v) => product * v.extent, 1);
  const points = kernel.rows.reduce((product, v) => product * v.extent, 1);
  return {
    functions: [run],
    entry: name,
    units: points === 0 ? 0 : total,
    unitWork: (points * weightOf(...kernel.stages.map((stage) => stage.value))) / Math.max(1, total),
  };
}

/** The coordinates of a unit. */
function decode(b: Builder, unit: Expr, variables: readonly Variable[]): Map<Variable, Expr> {
  const coordinates = new Map<Variable, Expr>();
  let rest = unit;
  for (let i = variables.length - 1; i >= 0; i--) {
    const v = variables[i] as Variable;
    if (i === 0) coordinates.set(v, rest);
    else {
      coordinates.set(v, b.let(ir.binary('remU', rest, ir.i32(v.extent))));
      rest = b.let(ir.binary('divU', rest, ir.i32(v.extent)));
    }
  }
  return coordinates;
}
