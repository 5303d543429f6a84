/** Loop kernels → loop IR: picks the vector axis and the parallel axes, then one pass over the columns per level of reductions. */
import { add, ofVariable, scale, variable, type Index, type Variable } from '../../compiler/index-expr.js';
import type { Combiner, LoopKernel, Stage } from '../../compiler/kernel.js';
import { Substitution } from '../../compiler/loop-nest.js';
import { dependenciesOf, linearStride, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { Accumulator } from './accumulator.js';
import { emitterAtTop, weightOf } from './columns.js';
import { scalarType, type Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweredKernel, LoweringContext } from './lowered-kernel.js';

/** Units of work that let a few threads share a kernel evenly. */
const ENOUGH_UNITS = 48;
/** Points of a long vector loop in one unit. */
const BLOCK_POINTS = 4096;

/** With more guarded loads than this, code for each lane would be too long. */
const MANY_GUARDS = 12;
/** Columns that are written out one after the other instead of in loops. */
const UNROLLED_POINTS = 9;

type Reduce = Extract<Stage, { kind: 'reduce' }>;
type Store = Extract<Stage, { kind: 'store' }>;

/** Cost of one vector access by its stride, in vector loads. */
function accessCost(stride: number | undefined, lanes: number): number {
  if (stride === undefined) return lanes * 1.4;
  const distance = Math.abs(stride);
  if (distance <= 1) return stride === 0 ? 0.1 : stride === 1 ? 1 : 2;
  if (distance === 2) return 2.5;
  // Lanes that lie in cache lines of their own cost more than the instructions that gather them.
  return distance <= 16 ? lanes * 1.2 : lanes * 2.5;
}

/** Whether lanes can hold what the stages compute. */
function isVectorizable(stages: readonly Stage[]): boolean {
  let possible = stages.every((stage) => stage.kind === 'store' || !isArg(stage.combiner));
  visit(
    stages.map((stage) => stage.value),
    (scalar) => {
      if (scalarType(scalar.dtype) === 'f64') possible = false;
    },
  );
  return possible;
}

const isArg = (combiner: Combiner): boolean => combiner === 'argmax' || combiner === 'argmin';

/** The variable whose neighbours share a vector: the one that makes accesses cheapest; undefined if none does better than scalars. */
function chooseVector(kernel: LoopKernel, lanes: number): Variable | undefined {
  const { stages } = kernel;
  const columnsOnly = stages.some((stage) => stage.kind === 'reduce' && isArg(stage.combiner));
  if (columnsOnly ? !isVectorizableRows(stages) : !isVectorizable(stages)) return undefined;
  const accesses: { index: Index; weight: number }[] = [];
  for (const stage of stages) if (stage.kind === 'store') accesses.push({ index: stage.index, weight: 1.5 });
  const guarded: Index[] = [];
  visit(
    stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind !== 'load') return;
      accesses.push({ index: scalar.index, weight: 1 });
      for (const { index } of scalar.guard) guarded.push(index);
    },
  );
  let best: Variable | undefined;
  let bestCost = 1;
  for (const v of columnsOnly ? kernel.rows : [...kernel.rows, ...kernel.columns]) {
    if (v.extent < lanes) continue;
    let cost = 0;
    let count = 0;
    for (const { index, weight } of accesses) {
      cost += weight * accessCost(linearStride(index, v), lanes);
      count += weight * lanes;
    }
    // At edges every lane looks for itself, and the code for that is long.
    for (const index of guarded) {
      cost += linearStride(index, v) === 0 ? 0.5 : guarded.length > MANY_GUARDS ? 2 * lanes : 2;
      count += 0.5 * lanes;
    }
    // Arithmetic is done L at a time whatever the accesses cost.
    const arithmetic = 4;
    const tail = v.extent % lanes;
    const steps = Math.floor(v.extent / lanes) + (mayOverrun(kernel, v) ? Math.sign(tail) : tail);
    const waste = steps / (v.extent / lanes);
    // Among equals the innermost loop wins, and columns before rows: their sums stay in registers.
    const relative = ((cost + arithmetic) / (count + arithmetic * lanes)) * waste;
    if (relative < bestCost || (relative === bestCost && best !== undefined)) {
      bestCost = relative;
      best = v;
    }
  }
  return best;
}

/** As {@link isVectorizable}, for kernels whose rows share vectors. */
function isVectorizableRows(stages: readonly Stage[]): boolean {
  return isVectorizable(
    stages.map((stage) => (stage.kind === 'reduce' ? { ...stage, combiner: 'max' as const } : stage)),
  );
}

/** A column pass: the loops over the columns that compute some reductions and some results. */
interface Pass {
  readonly reduces: Reduce[];
  readonly stores: Store[];
  /** Written once per row when the reductions before this pass are known. */
  readonly rowStores: Store[];
}

/** Orders stages by what they wait for. */
function passesOf(kernel: LoopKernel): Pass[] {
  const level = new Map<number, number>();
  const levelOf = (scalar: Scalar): number => {
    let highest = 0;
    for (const slot of dependenciesOf(scalar).reductions) highest = Math.max(highest, level.get(slot) ?? 0);
    return highest;
  };
  const passes: Pass[] = [];
  const at = (index: number): Pass => {
    while (passes.length <= index) passes.push({ reduces: [], stores: [], rowStores: [] });
    return passes[index] as Pass;
  };
  for (const stage of kernel.stages) {
    const wait = levelOf(stage.value);
    if (stage.kind === 'reduce') {
      level.set(stage.slot, wait + 1);
      at(wait).reduces.push(stage);
    } else {
      const variables = dependenciesOf(stage.value).variables;
      const perColumn = kernel.columns.some((v) => variables.has(v) || linearStride(stage.index, v) !== 0);
      (perColumn ? at(wait).stores : at(wait).rowStores).push(stage);
    }
  }
  return passes;
}

/** Where the loops run. */
interface Nest {
  /** Together numbered by the unit. */
  readonly units: readonly Variable[];
  readonly inner: readonly Variable[];
  readonly vector: Variable | undefined;
  readonly vectorIsRow: boolean;
  /** Whether lanes past the end of the vector loop may be computed: nothing they read lies far from what others read. */
  readonly mayOverrun: boolean;
  readonly columns: readonly Variable[];
}

function nestOf(kernel: LoopKernel, vector: Variable | undefined): Nest {
  const vectorIsRow = vector !== undefined && kernel.rows.includes(vector);
  const rows = kernel.rows.filter((v) => v !== vector);
  const columns = kernel.columns.filter((v) => v !== vector);
  let units = 0;
  let product = 1;
  while (units < rows.length && product < ENOUGH_UNITS) product *= rows[units++]?.extent ?? 1;
  return {
    units: rows.slice(0, units),
    inner: rows.slice(units),
    vector,
    vectorIsRow,
    mayOverrun: vector !== undefined && mayOverrun(kernel, vector),
    columns,
  };
}

/** Memory is readable 64 bytes past its end, and before its start: as far as three lanes get with steps this large. */
const LARGEST_OVERRUN_STRIDE = 4;

function mayOverrun(kernel: LoopKernel, vector: Variable): boolean {
  let possible = true;
  visit(
    kernel.stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind !== 'load') return;
      const stride = linearStride(scalar.index, vector);
      if (stride === undefined || Math.abs(stride) > LARGEST_OVERRUN_STRIDE) possible = false;
    },
  );
  return possible;
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

/** Lowers a loop kernel; its units are the outer rows. */
export function lowerLoop(given: LoopKernel, name: string, context: LoweringContext): LoweredKernel {
  const chosen = chooseVector(given, context.lanes);
  const { kernel, vector } = block(given, chosen);
  const nest = nestOf(kernel, vector);
  const units = nest.units.reduce((product, v) => product * v.extent, 1);
  const points = [...kernel.rows, ...kernel.columns].reduce((product, v) => product * v.extent, 1);
  // A single long vector loop over rows has no outer variable: its units are ranges of points.
  const range =
    nest.units.length === 0 && nest.vectorIsRow && points > BLOCK_POINTS ? nest.vector : undefined;
  const total = range === undefined ? units : Math.ceil(range.extent / BLOCK_POINTS);

  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const emitter = emitterAtTop(b, table, context);
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

class RowEmitter {
  private readonly passes: readonly Pass[];
  private readonly b: Builder;
  private readonly nest: Nest;
  private readonly emitter: Emitter;
  private readonly context: LoweringContext;

  constructor(kernel: LoopKernel, nest: Nest, emitter: Emitter, context: LoweringContext) {
    this.passes = passesOf(kernel);
    this.nest = nest;
    this.emitter = emitter;
    this.b = emitter.b;
    this.context = context;
  }

  /** The loops over the remaining rows, then the row itself. */
  loops(rows: readonly Variable[]): void {
    const [first, ...rest] = rows;
    const { vector, vectorIsRow } = this.nest;
    if (first !== undefined) {
      this.b.for(ir.i32(0), ir.i32(first.extent), 1, (i) => {
        this.emitter.scope(new Map([[first, i]]), () => {
          this.loops(rest);
        });
      });
    } else if (vectorIsRow && vector !== undefined) this.vectorRows(ir.i32(0), ir.i32(vector.extent));
    else this.row();
  }

  /** Rows from..to along the vector variable: L at a time, then what is left. `from` is a multiple of L, and so is `to` or the extent. */
  vectorRows(from: Expr, to: Expr): void {
    const { vector } = this.nest;
    if (vector === undefined) return;
    const { lanes } = this.emitter;
    const last = this.b.let(ir.sub(to, ir.i32(lanes - 1)));
    this.b.for(from, last, lanes, (i) => {
      this.emitter.scope(
        new Map([[vector, i]]),
        () => {
          this.row();
        },
        vector,
      );
    });
    if (vector.extent % lanes === 0) return;
    const done = this.b.let(ir.sub(to, ir.binary('and', ir.sub(to, from), ir.i32(lanes - 1))));
    if (this.nest.mayOverrun) {
      this.b.if(ir.compare('lt', done, to), () => {
        this.emitter.scope(
          new Map([[vector, done]]),
          () => {
            this.row();
          },
          vector,
          vector.extent % lanes,
        );
      });
      return;
    }
    this.b.for(done, to, 1, (i) => {
      this.emitter.scope(new Map([[vector, i]]), () => {
        this.row();
      });
    });
  }

  /** One row (or L rows side by side): pass after pass over its columns. */
  private row(): void {
    for (const pass of this.passes) {
      this.stores(pass.rowStores);
      if (pass.reduces.length === 0 && pass.stores.length === 0) continue;
      this.pass(pass);
    }
  }

  private pass(pass: Pass): void {
    const { vector, vectorIsRow, columns } = this.nest;
    const rowVector = vectorIsRow && vector !== undefined;
    const sums = pass.reduces.map(
      (stage) => new Accumulator(this.b, this.emitter, stage, rowVector && this.insideVector()),
    );
    const body = (): void => {
      for (const sum of sums) sum.prepare();
      this.stores(pass.stores);
      for (const sum of sums) sum.step();
    };
    if (vector !== undefined && !vectorIsRow) {
      const { lanes } = this.emitter;
      const main = vector.extent - (vector.extent % lanes);
      const wide = pass.reduces.map((stage) => new Accumulator(this.b, this.emitter, stage, true));
      const wideBody = (): void => {
        for (const sum of wide) sum.prepare(this.emitter.validLanes);
        this.stores(pass.stores);
        for (const sum of wide) sum.step();
      };
      this.columnLoops(columns, () => {
        this.b.for(ir.i32(0), ir.i32(main), lanes, (i) => {
          this.emitter.scope(new Map([[vector, i]]), wideBody, vector);
        });
        const tail = vector.extent - main;
        if (tail > 0 && this.nest.mayOverrun) {
          this.emitter.scope(new Map([[vector, ir.i32(main)]]), wideBody, vector, tail);
        } else if (tail > 0) {
          this.b.for(ir.i32(main), ir.i32(vector.extent), 1, (i) => {
            this.emitter.scope(new Map([[vector, i]]), body);
          });
        }
      });
      sums.forEach((sum, i) => {
        sum.join(wide[i] as Accumulator);
      });
    } else this.columnLoops(columns, body);
    for (const sum of sums) sum.finish();
  }

  /** Whether the row being emitted is really L rows. */
  private insideVector(): boolean {
    return this.emitter.inVectorLoop;
  }

  private columnLoops(columns: readonly Variable[], body: () => void): void {
    const [first, ...rest] = columns;
    if (first === undefined) {
      // Values computed here belong to this pass, not to the row.
      this.emitter.scope(new Map(), body);
      return;
    }
    const inner = (i: Expr): void => {
      this.emitter.scope(new Map([[first, i]]), () => {
        if (rest.length === 0) body();
        else this.columnLoops(rest, body);
      });
    };
    // A pooling window: without loops its addresses are constants apart.
    if (columns.reduce((product, v) => product * v.extent, 1) <= UNROLLED_POINTS) {
      for (let i = 0; i < first.extent; i++) inner(ir.i32(i));
    } else this.b.for(ir.i32(0), ir.i32(first.extent), 1, inner);
  }

  /** All values first, then all stores: a store may overwrite what another value reads. */
  private stores(stages: readonly Store[]): void {
    const writes = stages.map((stage) =>
      this.emitter.prepareStore(stage.buffer, this.context.dtypeOf(stage.buffer), stage.index, stage.value),
    );
    for (const write of writes) write();
  }
}
