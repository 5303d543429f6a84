/** The loops of a map over squares of L x L points: tiles that fit the first-level cache, squares in them, rows in these. */
import { add, ofVariable, scale, variable, type Variable } from '../../compiler/index-expr.js';
import type { LoopKernel, Stage } from '../../compiler/kernel.js';
import { Substitution } from '../../compiler/loop-nest.js';
import type { Scalar } from '../../compiler/scalar-expr.js';
import type { Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweringContext } from './lowered-kernel.js';
import type { Machine } from './machine.js';
import type { Load, SquareChoice } from './squares.js';

/** Points along the sides of a tile, a multiple of all lengths of vectors. Of 32, 64 and 128 points, 32 was the fastest or as fast. */
const TILE_POINTS = 32;

type Store = Extract<Stage, { kind: 'store' }>;

/** A side of the squares: its variable is `square` · L + `lane`. */
interface Side {
  readonly tile: Variable;
  readonly square: Variable;
  readonly lane: Variable;
  /** Squares in a tile, whole squares altogether, and points of the one that is not whole. */
  readonly perTile: number;
  readonly whole: number;
  readonly rest: number;
}

/** The loops, and what happens in them. */
export interface SquareLoops {
  /** All loops but those inside a tile. */
  readonly rows: readonly Variable[];
  readonly vector: Side;
  readonly across: Side;
  /** In the order of the slots of reductions in which the stores expect them, as there are no reductions. */
  readonly turned: readonly Load[];
  readonly stores: readonly Store[];
}

function sideOf({ extent }: Variable, lanes: number): Side {
  const perTile = TILE_POINTS / lanes;
  const squares = Math.ceil(extent / lanes);
  return {
    tile: variable(Math.ceil(squares / perTile)),
    square: variable(squares),
    lane: variable(lanes),
    perTile,
    whole: Math.floor(extent / lanes),
    rest: extent % lanes,
  };
}

export function squareLoops(kernel: LoopKernel, choice: SquareChoice, { lanes }: Machine): SquareLoops {
  const [vector, across] = [sideOf(choice.vector, lanes), sideOf(choice.across, lanes)];
  const at = ({ square, lane }: Side) => add(scale(ofVariable(square), lanes), ofVariable(lane));
  const substitution = new Substitution(
    new Map([
      [choice.vector, at(vector)],
      [choice.across, at(across)],
    ]),
  );
  const replace = replacer(new Map(choice.turned.map((load, slot) => [load, slot])));
  const others = kernel.rows.filter((v) => v !== choice.vector && v !== choice.across);
  return {
    rows: [...others, across.tile, vector.tile].filter((v) => v.extent !== 1),
    vector,
    across,
    turned: choice.turned.map(substitution.scalar) as Load[],
    stores: kernel.stages.flatMap((stage) =>
      stage.kind === 'store'
        ? [
            {
              ...stage,
              index: substitution.index(stage.index),
              value: substitution.scalar(replace(stage.value)),
            },
          ]
        : [],
    ),
  };
}

/** Puts reductions where the loads are. Equal objects stay equal objects. */
function replacer(slots: ReadonlyMap<Scalar, number>): (scalar: Scalar) => Scalar {
  const known = new Map<Scalar, Scalar>();
  const replace = (scalar: Scalar): Scalar => {
    let result = known.get(scalar);
    if (result === undefined) known.set(scalar, (result = rewrite(scalar)));
    return result;
  };
  const rewrite = (scalar: Scalar): Scalar => {
    const slot = slots.get(scalar);
    if (slot !== undefined) return { kind: 'reduced', dtype: scalar.dtype, slot };
    if (scalar.kind === 'op') return { ...scalar, args: scalar.args.map(replace) };
    if (scalar.kind === 'random')
      return { ...scalar, args: [replace(scalar.args[0]), replace(scalar.args[1])] };
    return scalar;
  };
  return replace;
}

export class SquareEmitter {
  private readonly squares: SquareLoops;
  private readonly b: Builder;
  private readonly emitter: Emitter;
  private readonly context: LoweringContext;
  private readonly written: ReadonlySet<number>;

  constructor(squares: SquareLoops, emitter: Emitter, context: LoweringContext) {
    this.squares = squares;
    this.emitter = emitter;
    this.b = emitter.b;
    this.context = context;
    this.written = new Set(squares.stores.map(({ buffer }) => buffer));
  }

  /** The loops over the remaining rows, then a tile. */
  loops(rows: readonly Variable[]): void {
    const [first, ...rest] = rows;
    if (first === undefined) {
      this.tile();
      return;
    }
    this.b.for(ir.i32(0), ir.i32(first.extent), 1, (i) => {
      this.emitter.scope(new Map([[first, i]]), () => {
        this.loops(rest);
      });
    });
  }

  private tile(): void {
    const { vector, across } = this.squares;
    this.side(across, (rows) => {
      this.side(vector, (valid) => {
        this.square(rows, valid);
      });
    });
  }

  /** The squares of the present tile along a side; `body` is told how many points of each are points of the loop. */
  private side({ tile, square, perTile, whole, rest }: Side, body: (valid: number) => void): void {
    const { b, emitter } = this;
    const { lanes } = emitter;
    const at = (place: Expr, valid: number): void => {
      emitter.scope(new Map([[square, place]]), () => {
        body(valid);
      });
    };
    const number = emitter.index(ofVariable(tile));
    const from = b.let(ir.mul(number, ir.i32(perTile)));
    const isOnly = tile.extent === 1;
    if (whole > 0) {
      const to = isOnly ? ir.i32(whole) : ir.binary('minS', ir.add(from, ir.i32(perTile)), ir.i32(whole));
      b.for(from, to, 1, (place) => {
        at(place, lanes);
      });
    }
    if (rest === 0) return;
    const last = (): void => {
      // Not as a constant: what depends on constants only is computed outside all loops.
      at(ir.get(b.variable(ir.i32(whole), 'last')), rest);
    };
    if (isOnly) last();
    else b.if(ir.compare('eq', number, ir.i32(tile.extent - 1)), last);
  }

  /** The first `rows` rows of a square, and the first `valid` points of each. */
  private square(rows: number, valid: number): void {
    const { b, emitter, squares } = this;
    const { lanes } = emitter;
    const [vector, across] = [squares.vector.lane, squares.across.lane];
    const turned = squares.turned.map((load) => {
      const vectors = Array.from({ length: lanes }, (_, n) =>
        this.readAcross(load, Math.min(n, valid - 1), rows),
      );
      const square = vectors.map((each) => b.variable(each, 'square'));
      b.transpose(square);
      return square;
    });
    for (let row = 0; row < rows; row++) {
      const here = new Map([
        [across, ir.i32(row)],
        [vector, ir.i32(0)],
      ]);
      const body = (): void => {
        turned.forEach((square, slot) => {
          emitter.setReduced(slot, ir.get(square[row] as ir.Local));
        });
        emitter.row(this.written, () => {
          this.stores();
        });
      };
      emitter.scope(here, body, vector, valid, true);
    }
  }

  /** L neighbours of a load across the rows, at point `n` along them. */
  private readAcross(load: Load, n: number, valid: number): Expr {
    const { emitter, squares } = this;
    const [vector, across] = [squares.vector.lane, squares.across.lane];
    const here = new Map([
      [vector, ir.i32(n)],
      [across, ir.i32(0)],
    ]);
    let value: Expr | undefined;
    emitter.scope(
      here,
      () => {
        value = emitter.vectorValue(load);
      },
      across,
      valid,
      true,
    );
    return value as Expr;
  }

  /** All values first, then all stores: a store may overwrite what another value reads. */
  private stores(): void {
    const writes = this.squares.stores.map(({ buffer, index, value }) =>
      this.emitter.prepareStore(buffer, this.context.dtypeOf(buffer), index, value),
    );
    for (const write of writes) write();
  }
}
