/** A reduction on its way: one running value, or one in each lane. */
import type { DType } from '../../core/dtype.js';
import type { Combiner, Stage } from '../../compiler/kernel.js';
import { scalarType, type Emitter } from './emit.js';
import * as ir from './ir.js';
import type { BinaryOp, Builder, Expr, Local } from './ir.js';

type Reduce = Extract<Stage, { kind: 'reduce' }>;

/** How numbers of a kind are compared. */
interface Order {
  readonly max: Extract<BinaryOp, 'max' | 'maxS' | 'maxU'>;
  readonly min: Extract<BinaryOp, 'min' | 'minS' | 'minU'>;
  readonly above: Extract<ir.CompareOp, 'gt' | 'gtU'>;
  readonly below: Extract<ir.CompareOp, 'lt' | 'ltU'>;
  readonly lowest: number;
  readonly highest: number;
}

const FLOAT: Order = {
  max: 'max',
  min: 'min',
  above: 'gt',
  below: 'lt',
  lowest: -Infinity,
  highest: Infinity,
};
const SIGNED: Order = {
  max: 'maxS',
  min: 'minS',
  above: 'gt',
  below: 'lt',
  lowest: -(2 ** 31),
  highest: 2 ** 31 - 1,
};
const UNSIGNED: Order = { max: 'maxU', min: 'minU', above: 'gtU', below: 'ltU', lowest: 0, highest: -1 };
const TRUTH: Order = { ...SIGNED, lowest: 0, highest: 1 };

function orderOf(dtype: DType): Order {
  if (dtype === 'bool') return TRUTH;
  if (scalarType(dtype) !== 'i32') return FLOAT;
  return dtype === 'uint32' ? UNSIGNED : SIGNED;
}

export class Accumulator {
  private readonly b: Builder;
  private readonly emitter: Emitter;
  private readonly stage: Reduce;
  private readonly combiner: Combiner;
  private readonly order: Order;
  private readonly vector: boolean;
  private readonly total: Local;
  /** argmax and argmin: the column of the best element. */
  private readonly place: Local | undefined;
  /** max and min of floats: whether a NaN has been seen. Keeping it apart is cheaper than a maximum that minds NaN. */
  private readonly seenNaN: Local | undefined;
  private next: Expr | undefined;

  constructor(b: Builder, emitter: Emitter, stage: Reduce, vector: boolean) {
    this.b = b;
    this.emitter = emitter;
    this.stage = stage;
    this.combiner = stage.combiner;
    this.order = orderOf(stage.value.dtype);
    this.vector = vector;
    const scalar = scalarType(stage.value.dtype);
    const type = !vector ? scalar : scalar === 'f32' ? 'f32v' : 'i32v';
    this.total = b.variable(ir.constant(type, this.identity), stage.combiner);
    if (this.combiner === 'argmax' || this.combiner === 'argmin') {
      this.place = b.variable(ir.constant(vector ? 'i32v' : 'i32', 0), 'place');
    } else if (this.order === FLOAT && (this.combiner === 'max' || this.combiner === 'min')) {
      this.seenNaN = b.variable(ir.constant(vector ? 'maskv' : 'i32', 0), 'nan');
    }
  }

  /** The value that changes nothing. */
  private get identity(): number {
    switch (this.combiner) {
      case 'sum':
        return 0;
      case 'prod':
        return 1;
      case 'max':
      case 'argmax':
        return this.order.lowest;
      case 'min':
      case 'argmin':
        return this.order.highest;
    }
  }

  /** Computes the element, before anything is stored. Lanes that are not `valid` change nothing. */
  prepare(valid?: Expr): void {
    const { value } = this.stage;
    const element = this.vector ? this.emitter.vectorValue(value) : this.emitter.value(value);
    const number = element.type === 'maskv' ? ir.convert('maskToInt', 'i32v', element) : element;
    this.next = this.b.let(
      valid === undefined ? number : ir.select(valid, number, ir.constant(number.type, this.identity)),
    );
  }

  /** Takes the element in. */
  step(): void {
    if (this.next === undefined) return;
    if (this.place !== undefined) this.compareStep(this.next, this.place);
    else this.take(this.next);
  }

  private take(next: Expr): void {
    const total = ir.get(this.total);
    if (this.seenNaN === undefined) {
      this.b.set(this.total, ir.binary(this.operation, total, next));
      return;
    }
    // In this form machines have it as one instruction.
    const better = ir.compare(this.combiner === 'max' ? this.order.above : this.order.below, next, total);
    this.b.set(this.total, ir.select(better, next, total));
    this.b.set(this.seenNaN, ir.binary('or', ir.get(this.seenNaN), ir.compare('ne', next, next)));
  }

  private get operation(): 'add' | 'mul' | Order['max'] | Order['min'] {
    switch (this.combiner) {
      case 'sum':
        return 'add';
      case 'prod':
        return 'mul';
      case 'max':
      case 'argmax':
        return this.order.max;
      case 'min':
      case 'argmin':
        return this.order.min;
    }
  }

  /** Keeps the first of equals: columns are visited in order. NaN beats every number, and only once. */
  private compareStep(next: Expr, place: Local): void {
    const best = ir.get(this.total);
    let better = ir.compare(this.combiner === 'argmax' ? this.order.above : this.order.below, next, best);
    if (this.order === FLOAT) {
      const isFirstNaN = ir.binary('and', ir.compare('ne', next, next), ir.compare('eq', best, best));
      better = ir.binary('or', better, isFirstNaN);
    }
    const condition = this.b.let(better);
    const position = this.emitter.index(this.stage.position);
    this.b.set(this.total, ir.select(condition, next, best));
    this.b.set(place, ir.select(condition, this.vector ? ir.splat(position) : position, ir.get(place)));
  }

  /** Takes in what another one of its kind has gathered, lane by lane. */
  merge(other: Accumulator): void {
    this.take(ir.get(other.total));
    if (this.seenNaN !== undefined && other.seenNaN !== undefined)
      this.b.set(this.seenNaN, ir.binary('or', ir.get(this.seenNaN), ir.get(other.seenNaN)));
  }

  /** Adds what the lanes of `wide` have gathered. */
  join(wide: Accumulator): void {
    this.take(this.b.let(ir.reduceLanes(this.operation, ir.get(wide.total))));
    if (this.seenNaN !== undefined && wide.seenNaN !== undefined) {
      const any = ir.reduceLanes('or', ir.get(wide.seenNaN));
      this.b.set(this.seenNaN, ir.binary('or', ir.get(this.seenNaN), any));
    }
  }

  /** Makes the result known to later stages. */
  finish(): void {
    this.emitter.setReduced(this.stage.slot, this.b.let(this.result()));
  }

  private result(): Expr {
    if (this.place !== undefined) return ir.get(this.place);
    const total = ir.get(this.total);
    if (this.seenNaN !== undefined)
      return ir.select(ir.get(this.seenNaN), ir.constant(total.type, Number.NaN), total);
    return this.stage.dtype === 'bool' ? ir.compare('ne', total, ir.constant(total.type, 0)) : total;
  }
}
