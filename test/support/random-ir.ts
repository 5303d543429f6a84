/** Random programs in the loop IR, for finding what no test of single operations shows. */
import * as ir from '../../src/targets/cpu/ir.js';
import type { Builder, Element, Expr, Func, Local, Module, Type } from '../../src/targets/cpu/ir.js';

const { i32 } = ir;

/** Where programs keep what they store: one stretch for each kind of element, so that the bits of a NaN never become a number. */
export const STRETCH = { i32: 0x1000, f32: 0x2000, f64: 0x3000, u8: 0x4000, u16: 0x5000, copies: 0x6000 };
const STRETCH_BYTES = 0x1000;
export const MEMORY_BYTES = 0x8000;

export interface RandomOptions {
  readonly lanes: number;
  /** Whether fma of float32 may be given numbers of which it matters that they are rounded once. */
  readonly anyFma: boolean;
  /** Whether lanes can be left out of loads, and be permuted. */
  readonly masks: boolean;
  /** Locals of each type: many mean that registers run short. */
  readonly locals: number;
  readonly statements: number;
}

type Random = (below: number) => number;

const TYPES: readonly Type[] = ['i32', 'f32', 'f64', 'i32v', 'f32v', 'maskv'];
const INTEGERS = [0, 1, -1, 2, 3, 7, 31, 32, 33, 127, 128, -128, -129, 255, 65535, 2 ** 31 - 1, -(2 ** 31)];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  2.5,
  -2.5,
  1e-40,
  3e38,
  -3e38,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  1e10,
  NaN,
  Infinity,
  -Infinity,
];

/** Numbers of all kinds in all stretches. */
export function fillRandomly(memory: ArrayBufferLike, random: Random): void {
  const pick = (list: readonly number[]): number => list[random(list.length)] ?? 0;
  const someFloat = (): number => (random(4) === 0 ? pick(FLOATS) : (random(2000) - 1000) / 8);
  // Bytes of no meaning everywhere else.
  const seed = random(1 << 16);
  new Uint8Array(memory, 0, MEMORY_BYTES).forEach((_, at, bytes) => {
    bytes[at] = Math.imul(at + seed, 0x9e3779b1) >>> 21;
  });
  new Int32Array(memory, STRETCH.i32, STRETCH_BYTES / 4).forEach((_, at, words) => {
    words[at] =
      random(3) === 0 ? pick(INTEGERS) : random(2) === 0 ? random(64) : (random(65536) << 16) | random(65536);
  });
  new Float32Array(memory, STRETCH.f32, STRETCH_BYTES / 4).forEach((_, at, all) => (all[at] = someFloat()));
  new Float64Array(memory, STRETCH.f64, STRETCH_BYTES / 8).forEach((_, at, all) => (all[at] = someFloat()));
}

/** A module whose exported function `run(a, b)` works on the stretches. */
export function randomModule(random: Random, options: RandomOptions): Module {
  const count = 1 + random(3);
  const arities = Array.from({ length: count }, (_, n) => (n === 0 ? 2 : random(14)));
  const functions = arities.map((arity, n) => {
    const callable = arities.map((parameters, index) => ({ name: `f${index}`, parameters })).slice(n + 1);
    const names = Array.from({ length: arity }, (_, p) => `p${p}`);
    const build = (b: Builder, ...args: Expr[]): void =>
      new Writer(random, options, b, args, callable).write();
    return ir.func(n === 0 ? 'run' : `f${n}`, names, build, n === 0);
  });
  return { functions: functions satisfies Func[] };
}

interface Callable {
  readonly name: string;
  readonly parameters: number;
}

class Writer {
  private readonly random: Random;
  private readonly options: RandomOptions;
  private readonly b: Builder;
  private readonly callable: readonly Callable[];
  private readonly locals: Record<Type, Local[]>;
  /** Also readable, but not to be changed: parameters and indices of open loops. */
  private readonly fixed: Expr[];
  private depth = 0;
  private left: number;

  constructor(
    random: Random,
    options: RandomOptions,
    b: Builder,
    args: readonly Expr[],
    callable: readonly Callable[],
  ) {
    this.random = random;
    this.options = options;
    this.b = b;
    this.callable = callable;
    this.fixed = [...args];
    this.left = options.statements;
    const some = (type: Type): Local[] =>
      Array.from({ length: 1 + random(options.locals) }, () => ir.local(type, type));
    this.locals = Object.fromEntries(TYPES.map((type) => [type, some(type)])) as Record<Type, Local[]>;
  }

  write(): void {
    // Some locals begin as what they are read as, others as zero.
    for (const type of TYPES) {
      for (const local of this.locals[type])
        if (this.random(4) > 0) this.b.set(local, this.expression(type, 1));
    }
    while (this.left > 0) this.statement();
    // All that was computed counts.
    for (const type of TYPES) this.locals[type].forEach((local) => this.store(ir.get(local)));
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)] as T;
  }

  private block(): void {
    this.depth++;
    for (let n = this.random(5); n >= 0; n--) this.statement();
    this.depth--;
  }

  private statement(): void {
    this.left--;
    const { b } = this;
    const nested = this.depth < 3 ? 6 : 0;
    const kind = this.random(15 + nested);
    if (kind < 6) {
      const type = this.pick(TYPES);
      b.set(this.pick(this.locals[type]), this.expression(type, 3));
    } else if (kind < 10) this.store(this.expression(this.pick(TYPES), 3));
    else if (kind === 10) {
      const address = this.address('i32', 4);
      b.set(this.pick(this.locals.i32), ir.atomicAdd(address, this.expression('i32', 1)));
    } else if (kind === 11) {
      const [to, from] = [STRETCH.copies + this.random(100), STRETCH.copies + 0x800 + this.random(100)];
      const length = ir.binary('and', this.expression('i32', 1), i32(255));
      b.push({ kind: 'copy', to: i32(to), from: i32(from), length });
    } else if (kind === 12) {
      const length = ir.binary('and', this.expression('i32', 1), i32(127));
      b.push({ kind: 'fillZero', address: i32(STRETCH.copies + 0x400 + this.random(200)), length });
    } else if (kind === 13) {
      const callee = this.callable.length > 0 && this.depth < 2 ? this.pick(this.callable) : undefined;
      if (callee === undefined) return;
      const args = Array.from({ length: callee.parameters }, () => this.expression('i32', this.random(2)));
      b.call(callee.name, ...args);
    } else if (kind === 14) {
      const rows = this.locals.f32v.slice(-this.options.lanes);
      if (rows.length === this.options.lanes) b.transpose(rows);
    } else if (kind < 17) this.loop();
    else if (kind === 17) this.while();
    else {
      const condition = this.random(3) > 0 ? this.truth() : this.expression('i32', 1);
      if (this.random(2) === 0) b.if(condition, () => this.block());
      else
        b.if(
          condition,
          () => this.block(),
          () => this.block(),
        );
    }
  }

  private loop(): void {
    const from =
      this.random(3) > 0 ? i32(this.random(7) - 3) : ir.binary('and', this.expression('i32', 1), i32(3));
    const to =
      this.random(3) > 0 ? i32(this.random(9) - 3) : ir.binary('and', this.expression('i32', 1), i32(3));
    this.b.for(from, to, 1 + this.random(3), (index) => {
      this.fixed.push(index);
      this.block();
      this.fixed.pop();
    });
  }

  private while(): void {
    const { b } = this;
    const rounds = b.variable(ir.binary('and', this.expression('i32', 1), i32(3)), 'rounds');
    const goesOn = ir.binary('and', ir.compare('gt', ir.get(rounds), i32(0)), this.truth());
    b.while(goesOn, () => {
      b.set(rounds, ir.sub(ir.get(rounds), i32(1)));
      this.block();
    });
  }

  /** A place in a stretch, with room for a vector behind it. */
  private address(stretch: keyof typeof STRETCH, bytes: number): Expr {
    const mask = (STRETCH_BYTES / 2 - 1) & -bytes;
    const start = STRETCH[stretch] + 256;
    if (this.random(3) === 0) return i32(start + (this.random(STRETCH_BYTES / 2) & mask));
    return ir.add(ir.binary('and', this.expression('i32', 1), i32(mask)), i32(start));
  }

  private offset(bytes: number): number {
    return this.random(2) * this.random(32) * bytes;
  }

  private store(value: Expr): void {
    const { b, random } = this;
    const { type } = value;
    if (type === 'maskv') {
      this.store(ir.convert('maskToInt', 'i32v', value));
      return;
    }
    if (type === 'f64') {
      b.store('f64', this.address('f64', 8), value, this.offset(8));
      return;
    }
    const element: Element =
      type === 'f32' || type === 'f32v' ? 'f32' : this.pick<Element>(['i32', 'i32', 'u8', 'i8', 'u16']);
    const stretch = element === 'i8' ? 'u8' : element;
    const bytes = ir.ELEMENT_BYTES[element];
    const { lanes } = this.options;
    const counted = ir.isVector(type) && random(3) === 0;
    const count = random(2) === 0 ? i32(random(lanes + 1)) : this.upTo(lanes);
    b.store(element, this.address(stretch, bytes), value, this.offset(bytes), counted ? count : undefined);
  }

  /** An i32 from 0 to `most`, a power of two. */
  private upTo(most: number): Expr {
    return ir.binary('minU', ir.binary('and', this.expression('i32', 1), i32(2 * most - 1)), i32(most));
  }

  private truth(): Expr {
    const type = this.pick<Type>(['i32', 'i32', 'f32', 'f64']);
    const all = ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'ltU', 'leU', 'gtU', 'geU'] as const;
    const op = type === 'i32' ? this.pick(all) : this.pick(all.slice(0, 6));
    const compared = ir.compare(op, this.expression(type, 1), this.expression(type, 1));
    switch (this.random(8)) {
      case 0:
        return ir.binary(this.pick(['and', 'or', 'xor'] as const), compared, this.truth());
      case 1:
        return ir.reduceLanes(this.pick(['and', 'or'] as const), this.expression('maskv', 1));
      default:
        return compared;
    }
  }

  private mask(depth: number): Expr {
    const all = ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'ltU', 'leU', 'gtU', 'geU'] as const;
    const less = depth - 1;
    switch (this.random(8)) {
      case 0:
        return ir.unary('not', this.expression('maskv', less));
      case 1:
        return ir.binary(
          this.pick(['and', 'or', 'xor'] as const),
          this.expression('maskv', less),
          this.expression('maskv', less),
        );
      case 2:
        return ir.select(
          this.expression('maskv', less),
          this.expression('maskv', less),
          this.expression('maskv', less),
        );
      case 3:
        return ir.splat(this.random(3) === 0 ? i32(this.random(2)) : this.truth(), 'maskv');
      case 4:
      case 5:
        return ir.compare(this.pick(all), this.expression('i32v', less), this.expression('i32v', less));
      default:
        return ir.compare(
          this.pick(all.slice(0, 6)),
          this.expression('f32v', less),
          this.expression('f32v', less),
        );
    }
  }

  private leaf(type: Type): Expr {
    const { random } = this;
    if (type === 'i32' && this.fixed.length > 0 && random(3) === 0) return this.pick(this.fixed);
    if (random(4) > 0) return ir.get(this.pick(this.locals[type]));
    switch (type) {
      case 'i32':
        return i32(random(2) === 0 ? this.pick(INTEGERS) : random(100));
      case 'f64':
        return ir.f64(this.pick(FLOATS));
      case 'f32':
        return ir.f32(this.pick(FLOATS));
      case 'i32v':
        return random(4) === 0 ? ir.laneIndex : ir.constant(type, this.pick(INTEGERS));
      case 'f32v':
        return ir.constant(type, this.pick(FLOATS));
      case 'maskv':
        return ir.constant(type, random(2));
    }
  }

  expression(type: Type, depth: number): Expr {
    if (depth <= 0) return this.leaf(type);
    switch (type) {
      case 'i32':
        return this.integer(depth);
      case 'i32v':
        return this.integers(depth);
      case 'maskv':
        return this.mask(depth);
      default:
        return this.float(type, depth);
    }
  }

  private integer(depth: number): Expr {
    const less = depth - 1;
    const any = (): Expr => this.expression('i32', less);
    switch (this.random(11)) {
      case 0:
      case 1:
      case 2: {
        const op = this.pick([
          'add',
          'add',
          'sub',
          'mul',
          'and',
          'or',
          'xor',
          'minS',
          'minU',
          'maxS',
          'maxU',
        ] as const);
        return ir.binary(op, any(), any());
      }
      case 3:
        return ir.binary(this.pick(['shl', 'shrS', 'shrU'] as const), any(), any());
      case 4:
        return ir.binary(
          this.pick(['divU', 'remU'] as const),
          any(),
          this.random(2) === 0 ? i32(1 + this.random(1000)) : ir.binary('or', any(), i32(1)),
        );
      case 5:
        return ir.binary(
          this.pick(['divS', 'remS'] as const),
          any(),
          ir.binary('or', ir.binary('and', any(), i32(1023)), i32(1)),
        );
      case 6:
        return ir.unary(this.pick(['neg', 'abs', 'not'] as const), any());
      case 7:
        return this.load('i32', false);
      case 8:
        return this.random(2) === 0 ? this.truth() : ir.select(this.truth(), any(), any());
      case 9: {
        const from = this.pick(['f32', 'f64'] as const);
        return this.random(3) === 0
          ? ir.convert('bits', 'i32', this.number('f32', less))
          : ir.convert(this.pick(['toS', 'toU'] as const), 'i32', this.expression(from, less));
      }
      default: {
        const ops = ['add', 'mul', 'minS', 'minU', 'maxS', 'maxU', 'and', 'or'] as const;
        const vector = this.expression('i32v', less);
        return this.random(2) === 0
          ? ir.extract(vector, this.random(this.options.lanes))
          : ir.reduceLanes(this.pick(ops), vector);
      }
    }
  }

  private integers(depth: number): Expr {
    const less = depth - 1;
    const any = (): Expr => this.expression('i32v', less);
    switch (this.random(9)) {
      case 0:
      case 1: {
        const op = this.pick([
          'add',
          'sub',
          'mul',
          'and',
          'or',
          'xor',
          'minS',
          'minU',
          'maxS',
          'maxU',
        ] as const);
        return ir.binary(op, any(), any());
      }
      case 2:
        return ir.binary(this.pick(['shl', 'shrS', 'shrU'] as const), any(), this.expression('i32', less));
      case 3:
        return ir.unary(this.pick(['neg', 'abs', 'not'] as const), any());
      case 4:
        return this.load('i32v', true);
      case 5:
        return ir.select(this.expression('maskv', less), any(), any());
      case 6:
        return this.random(3) === 0
          ? ir.convert('bits', 'i32v', this.number('f32v', less))
          : ir.convert(this.pick(['toS', 'toU'] as const), 'i32v', this.expression('f32v', less));
      case 7:
        return ir.convert('maskToInt', 'i32v', this.expression('maskv', less));
      default:
        return this.random(2) === 0
          ? ir.splat(this.expression('i32', less))
          : ir.lanes(
              Array.from({ length: this.options.lanes }, () => this.expression('i32', this.random(2))),
            );
    }
  }

  /** Not NaN, whose bits depend on the machine. */
  private number(type: 'f32' | 'f32v', depth: number): Expr {
    const x = this.b.let(this.expression(type, depth));
    return ir.select(ir.compare('eq', x, x), x, ir.constant(type, 1.5));
  }

  /** A small whole number, of which products and sums are exact. */
  private whole(type: 'f32' | 'f64' | 'f32v', depth: number): Expr {
    const integer = type === 'f32v' ? 'i32v' : 'i32';
    const small = ir.binary('and', this.expression(integer, depth), ir.constant(integer, 255));
    return ir.convert('fromS', type, small);
  }

  private float(type: 'f32' | 'f64' | 'f32v', depth: number): Expr {
    const less = depth - 1;
    const any = (): Expr => this.expression(type, less);
    const integer = type === 'f32v' ? 'i32v' : 'i32';
    switch (this.random(11)) {
      case 10:
        return type === 'f32v' ? this.together(type, less) : any();
      case 0:
      case 1:
      case 2:
        return ir.binary(this.pick(['add', 'sub', 'mul', 'div', 'min', 'max'] as const), any(), any());
      case 3:
        return ir.unary(
          this.pick(['neg', 'abs', 'sqrt', 'floor', 'ceil', 'trunc', 'nearest'] as const),
          any(),
        );
      case 4:
        return type !== 'f64' && this.options.anyFma
          ? ir.fma(any(), any(), any())
          : ir.fma(this.whole(type, less), this.whole(type, less), this.whole(type, less));
      case 5:
        return this.load(type, type === 'f32v');
      case 6:
        return ir.convert(this.pick(['fromS', 'fromU'] as const), type, this.expression(integer, less));
      case 7: {
        const [a, b] = [this.b.let(any()), this.b.let(any())];
        if (this.random(2) === 0)
          return ir.select(ir.compare(this.pick(['lt', 'gt', 'le', 'ge'] as const), a, b), a, b);
        return ir.select(type === 'f32v' ? this.expression('maskv', less) : this.truth(), a, b);
      }
      case 8:
        if (type === 'f64') return ir.convert('widen', type, this.expression('f32', less));
        if (type === 'f32' && this.random(2) === 0)
          return ir.convert('narrow', type, this.expression('f64', less));
        if (type === 'f32v' && this.random(2) === 0)
          return ir.lanes(
            Array.from({ length: this.options.lanes }, () => this.expression('f32', this.random(2))),
          );
        return type === 'f32v'
          ? ir.splat(this.expression('f32', less))
          : ir.extract(this.expression('f32v', less), this.random(this.options.lanes));
      default:
        if (type === 'f32')
          return ir.reduceLanes(
            this.pick(['add', 'mul', 'min', 'max'] as const),
            this.expression('f32v', less),
          );
        return any();
    }
  }

  /** Lanes of two vectors, or of one in another order. */
  private together(type: 'i32v' | 'f32v', depth: number): Expr {
    const { lanes, masks } = this.options;
    if (masks && this.random(3) === 0) {
      const index = ir.binary('and', this.expression('i32v', depth), ir.constant('i32v', lanes - 1));
      return ir.permute(this.expression(type, depth), index);
    }
    const orders = ['low1', 'high1', 'low2', 'high2', 'evenBlocks', 'oddBlocks'] as const;
    const order = this.pick(lanes > 4 ? orders : orders.slice(0, 4));
    return ir.shuffle(order, this.expression(type, depth), this.expression(type, depth));
  }

  private load(type: Type, vector: boolean): Expr {
    const { random } = this;
    if (type === 'f64') return ir.load('f64', this.address('f64', 8), this.offset(8));
    const element: Element =
      type === 'f32' || type === 'f32v' ? 'f32' : this.pick<Element>(['i32', 'i32', 'u8', 'i8', 'u16']);
    const bytes = ir.ELEMENT_BYTES[element];
    const address = this.address(element === 'i8' ? 'u8' : element, bytes);
    const wide = element === 'f32' || element === 'i32';
    if (!vector) return ir.load(element, address, this.offset(bytes));
    const mask = (): Expr =>
      random(3) === 0
        ? ir.compare('lt', ir.laneIndex, ir.constant('i32v', random(this.options.lanes + 1)))
        : this.expression('maskv', 1);
    switch (random(this.options.masks ? 7 : 5)) {
      case 5:
        return ir.loadMasked(element, address, this.offset(bytes), mask());
      case 6: {
        const index = ir.binary('and', this.expression('i32v', 1), ir.constant('i32v', 63));
        return ir.gather(element, address, index, mask());
      }
      case 0:
        return wide ? ir.loadSplat(element, address, this.offset(4)) : ir.load(element, address, 0, true);
      case 1:
        return ir.loadStrided(element, address, this.pick([0, 2, 3, -1, -2, 5]));
      case 2:
        return ir.gather(
          element,
          address,
          ir.binary('and', this.expression('i32v', 1), ir.constant('i32v', 63)),
        );
      default:
        return ir.load(element, address, this.offset(bytes), true);
    }
  }
}
