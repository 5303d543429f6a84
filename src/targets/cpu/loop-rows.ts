/** The rows of a loop kernel: for each of them one pass over the columns per level of reductions. */
import type { Variable } from '../../compiler/index-expr.js';
import type { LoopKernel, Stage } from '../../compiler/kernel.js';
import { dependenciesOf, linearStride, type Scalar } from '../../compiler/scalar-expr.js';
import { Accumulator } from './accumulator.js';
import type { Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweringContext } from './lowered-kernel.js';

/** Columns that are written out one after the other instead of in loops. */
const UNROLLED_POINTS = 9;

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

export class RowEmitter {
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
    if (vector.extent >= lanes) {
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
    }
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
        if (main > 0) {
          this.b.for(ir.i32(0), ir.i32(main), lanes, (i) => {
            this.emitter.scope(new Map([[vector, i]]), wideBody, vector);
          });
        }
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
