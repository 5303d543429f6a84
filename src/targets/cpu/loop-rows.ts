/** The rows of a loop kernel: for each of them one pass over the columns per level of reductions. */
import type { Variable } from '../../compiler/index-expr.js';
import type { LoopKernel, Stage } from '../../compiler/kernel.js';
import { dependenciesOf, linearStride, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { Accumulator } from './accumulator.js';
import { weightOf } from './columns.js';
import type { Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweringContext } from './lowered-kernel.js';

/** Columns that are written out one after the other instead of in loops. */
const UNROLLED_POINTS = 9;
/** So many vectors are written out one after the other instead of in a loop. */
const MOST_VECTORS = 2;
/** Operations of a pass with which four, or two, of its rounds stand side by side. */
const LIGHT = 12;
const HEAVY = 50;

type Reduce = Extract<Stage, { kind: 'reduce' }>;
type Store = Extract<Stage, { kind: 'store' }>;

/** Where the loops run. */
export interface Nest {
  /** Together numbered by the unit. */
  readonly units: readonly Variable[];
  readonly inner: readonly Variable[];
  readonly vector: Variable | undefined;
  readonly vectorIsRow: boolean;
  /** Whether lanes past the end of the vector loop may be computed: nothing they read lies far from what others read. */
  readonly mayOverrun: boolean;
  readonly columns: readonly Variable[];
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

/** A pooling window: without loops its addresses are constants apart. */
const isUnrolled = (columns: readonly Variable[]): boolean =>
  columns.reduce((product, v) => product * v.extent, 1) <= UNROLLED_POINTS;

/** Steps between places of a window at the most, in elements: places that are far apart are better visited one after the other. */
const LARGEST_STEP = 1024;

/** The innermost columns that are written out and whose places lie close together. */
function windowOf(kernel: LoopKernel, columns: readonly Variable[]): ReadonlySet<Variable> {
  const indices = kernel.stages.flatMap((stage) => (stage.kind === 'store' ? [stage.index] : []));
  visit(
    kernel.stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind === 'load') indices.push(scalar.index);
    },
  );
  const isNear = (v: Variable): boolean =>
    indices.every((index) => Math.abs(linearStride(index, v) ?? 0) <= LARGEST_STEP);
  const from = columns.findIndex((_, i) => isUnrolled(columns.slice(i)) && columns.slice(i).every(isNear));
  return new Set(from < 0 ? [] : columns.slice(from));
}

export class RowEmitter {
  private readonly passes: readonly Pass[];
  private readonly written: ReadonlySet<number>;
  private readonly window: ReadonlySet<Variable>;
  private readonly b: Builder;
  private readonly nest: Nest;
  private readonly emitter: Emitter;
  private readonly context: LoweringContext;

  constructor(kernel: LoopKernel, nest: Nest, emitter: Emitter, context: LoweringContext) {
    this.passes = passesOf(kernel);
    this.window = windowOf(kernel, nest.columns);
    this.written = new Set(kernel.stages.flatMap((stage) => (stage.kind === 'store' ? [stage.buffer] : [])));
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
    const row = (): void => {
      this.row();
    };
    if (from.kind === 'const' && to.kind === 'const') {
      this.vectorLoop(vector, row, row);
      return;
    }
    const { lanes } = this.emitter;
    if (vector.extent >= lanes) {
      const last = this.b.let(ir.sub(to, ir.i32(lanes - 1)));
      this.b.for(from, last, lanes, (i) => {
        this.emitter.scope(new Map([[vector, i]]), row, vector, lanes, true);
      });
    }
    const tail = vector.extent % lanes;
    if (tail === 0) return;
    const done = this.b.let(ir.sub(to, ir.binary('and', ir.sub(to, from), ir.i32(lanes - 1))));
    if (this.nest.mayOverrun) {
      this.b.if(ir.compare('lt', done, to), () => {
        this.emitter.scope(new Map([[vector, done]]), row, vector, tail, true);
      });
      return;
    }
    this.b.for(done, to, 1, (i) => {
      this.emitter.scope(new Map([[vector, i]]), row);
    });
  }

  /**
   * The whole loop over the vector variable: `wide` for L neighbours or the rest of them, `single` for one where the rest cannot be a vector. The
   * bodies of `several` rounds stand one after the other, each told its number.
   */
  private vectorLoop(
    vector: Variable,
    wide: (number: number) => void,
    single: () => void,
    several = 1,
  ): void {
    const { b, emitter } = this;
    const { lanes } = emitter;
    const tail = vector.extent % lanes;
    const main = vector.extent - tail;
    const vectorAt = (at: Expr, number: number, valid = lanes): void => {
      emitter.scope(
        new Map([[vector, at]]),
        () => {
          wide(number);
        },
        vector,
        valid,
        true,
      );
    };
    if (this.nest.mayOverrun && vector.extent <= MOST_VECTORS * lanes) {
      // With constant places, what depends on nothing else is computed before all loops.
      for (let at = 0; at < vector.extent; at += lanes)
        vectorAt(ir.i32(at), (at / lanes) % several, Math.min(lanes, vector.extent - at));
      return;
    }
    const together = main - (main % (several * lanes));
    if (together > 0) {
      b.for(ir.i32(0), ir.i32(together), several * lanes, (i) => {
        for (let n = 0; n < several; n++) vectorAt(b.let(ir.add(i, ir.i32(n * lanes))), n);
      });
    }
    if (together < main) {
      b.for(ir.i32(together), ir.i32(main), lanes, (i) => {
        vectorAt(i, 0);
      });
    }
    if (tail > 0 && this.nest.mayOverrun) vectorAt(ir.i32(main), 0, tail);
    else if (tail > 0) {
      b.for(ir.i32(main), ir.i32(vector.extent), 1, (i) => {
        emitter.scope(new Map([[vector, i]]), single);
      });
    }
  }

  /** One row (or L rows side by side): pass after pass over its columns. */
  private row(): void {
    this.emitter.row(this.written, () => {
      for (const pass of this.passes) {
        this.stores(pass.rowStores);
        if (pass.reduces.length === 0 && pass.stores.length === 0) continue;
        this.pass(pass);
      }
    });
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
      const several = this.sumsSideBySide(pass, vector);
      const wide = Array.from({ length: several }, () =>
        pass.reduces.map((stage) => new Accumulator(this.b, this.emitter, stage, true)),
      );
      const wideBody = (number: number): void => {
        const own = wide[number] ?? [];
        for (const sum of own) sum.prepare(this.emitter.validLanes);
        this.stores(pass.stores);
        for (const sum of own) sum.step();
      };
      // The places of a window share what they have in common: the vector loop goes round them.
      const window = columns.filter((v) => this.window.has(v));
      this.columnLoops(columns.slice(0, columns.length - window.length), () => {
        this.vectorLoop(
          vector,
          (number) => {
            this.columnLoops(window, () => {
              wideBody(number);
            });
          },
          () => {
            this.columnLoops(window, body);
          },
          several,
        );
      });
      sums.forEach((sum, i) => {
        const [first, ...others] = wide.map((each) => each[i] as Accumulator);
        for (const other of others) first?.merge(other);
        if (first !== undefined) sum.join(first);
      });
    } else this.columnLoops(columns, body);
    for (const sum of sums) sum.finish();
  }

  /** How many running values each reduction has: one alone would wait for itself, for as long as an addition takes. */
  private sumsSideBySide({ reduces, stores }: Pass, vector: Variable): number {
    const { lanes } = this.emitter;
    if (!this.context.machine.masks || reduces.length === 0) return 1;
    const weight = weightOf(...reduces.map((stage) => stage.value), ...stores.map((stage) => stage.value));
    const wanted = weight <= LIGHT ? 4 : weight <= HEAVY ? 2 : 1;
    const fitting = this.context.machine.registers / 4 / reduces.length;
    return Math.max(1, Math.min(wanted, Math.floor(fitting), Math.floor(vector.extent / lanes / 2)));
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
    if (isUnrolled(columns)) {
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
