import { describe, expect, it } from 'vitest';
import * as ir from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { machine, valueOf, type Machine } from '../support/wasm-module.js';

const { i32, f32, f64 } = ir;
const i32v = (...values: number[]): ir.Expr => ir.lanes(values.map(i32));
const f32v = (...values: number[]): ir.Expr => ir.lanes(values.map(f32));
const MIN = -2147483648;
const MAX = 2147483647;
const round = Math.fround;
/** A lane of a mask, as an integer. */
const truth = (value: number): number => (value === 0 ? 0 : -1);

/** Constants and loaded values take different ways through the encoder; both must agree. */
function check(name: string, expr: ir.Expr, expected: number[]): void {
  it(`${name} = ${expected.map((each) => (Object.is(each, -0) ? '-0' : each)).join(', ')}`, () => {
    expect(valueOf(expr)).toEqual(expected);
  });
}

describe('arithmetic of i32', () => {
  const binary = (op: ir.BinaryOp, a: number, b: number, expected: number): void => {
    // Through a local, so that constructors do not fold it.
    check(`${a} ${op} ${b}`, { kind: 'binary', type: 'i32', op, a: i32(a), b: i32(b) }, [expected]);
  };
  binary('add', MAX, 1, MIN);
  binary('sub', MIN, 1, MAX);
  binary('mul', 65537, 65537, 131073);
  binary('divS', -7, 2, -3);
  binary('divU', -7, 2, 2147483644);
  binary('remS', -7, 2, -1);
  binary('remU', -7, 2, 1);
  binary('shl', 1, 33, 2);
  binary('shrS', -8, 1, -4);
  binary('shrU', -8, 1, 2147483644);
  binary('and', 12, 10, 8);
  binary('or', 12, 10, 14);
  binary('xor', 12, 10, 6);
  binary('minS', -1, 1, -1);
  binary('minU', -1, 1, 1);
  binary('maxS', -1, 1, 1);
  binary('maxU', -1, 1, -1);
  check('neg', ir.unary('neg', i32(5)), [-5]);
  check('abs', ir.unary('abs', i32(-5)), [5]);
  check('abs', ir.unary('abs', i32(MIN)), [MIN]);
  check('not', ir.unary('not', i32(5)), [-6]);
  for (const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, MAX, MIN]) {
    check(`constant ${value}`, i32(value), [value]);
  }
});

describe('arithmetic of i32v', () => {
  const a = i32v(MAX, -8, 12, 65537);
  const b = i32v(1, 3, 10, 65537);
  check('add', ir.add(a, b), [MIN, -5, 22, 131074]);
  check('sub', ir.sub(i32v(MIN, 0, 5, 1), i32v(1, 1, 1, 1)), [MAX, -1, 4, 0]);
  check('mul', ir.mul(a, b), [MAX, -24, 120, 131073]);
  check('and', ir.binary('and', a, b), [1, 0, 8, 65537]);
  check('or', ir.binary('or', a, b), [MAX, -5, 14, 65537]);
  check('xor', ir.binary('xor', a, b), [2147483646, -5, 6, 0]);
  check('shl', ir.binary('shl', a, i32(33)), [-2, -16, 24, 131074]);
  check('shrS', ir.binary('shrS', a, i32(2)), [536870911, -2, 3, 16384]);
  check('shrU', ir.binary('shrU', a, i32(2)), [536870911, 1073741822, 3, 16384]);
  check('minS', ir.binary('minS', a, b), [1, -8, 10, 65537]);
  check('minU', ir.binary('minU', a, b), [1, 3, 10, 65537]);
  check('maxS', ir.binary('maxS', a, b), [MAX, 3, 12, 65537]);
  check('maxU', ir.binary('maxU', a, b), [MAX, -8, 12, 65537]);
  check('neg', ir.unary('neg', a), [-MAX, 8, -12, -65537]);
  check('abs', ir.unary('abs', i32v(-1, 1, 0, MIN)), [1, 1, 0, MIN]);
  check('not', ir.unary('not', i32v(0, -1, 5, MIN)), [-1, 0, -6, MAX]);
});

describe.each([
  ['f32', (x: number) => f32(x)],
  ['f32v', (x: number) => ir.splat(f32(x))],
  ['f64', (x: number) => f64(x)],
] as const)('arithmetic of %s', (type, make) => {
  const narrow = type === 'f64' ? (x: number) => x : round;
  const check = (name: string, expr: ir.Expr, expected: number): void => {
    it(name, () => {
      expect(valueOf(expr)).toEqual(Array<number>(type === 'f32v' ? 4 : 1).fill(narrow(expected)));
    });
  };
  const binary = (op: ir.BinaryOp, a: number, b: number, expected: number): void =>
    check(`${a} ${op} ${b}`, ir.binary(op, make(a), make(b)), expected);
  binary('add', 0.1, 0.2, type === 'f64' ? 0.1 + 0.2 : round(0.1) + round(0.2));
  binary('sub', 1, 3, -2);
  binary('mul', 3, -0.5, -1.5);
  binary('div', 1, 0, Infinity);
  binary('min', NaN, 1, NaN);
  binary('max', 1, NaN, NaN);
  binary('min', 0, -0, -0);
  binary('max', -0, 0, 0);
  const unary = (op: ir.UnaryOp, a: number, expected: number): void =>
    check(`${op} ${a}`, ir.unary(op, make(a)), expected);
  unary('neg', 0, -0);
  unary('abs', -0, 0);
  unary('sqrt', -1, NaN);
  unary('sqrt', 2, Math.SQRT2);
  unary('floor', -0.5, -1);
  unary('ceil', -0.5, -0);
  unary('trunc', -1.7, -1);
  unary('nearest', 2.5, 2);
  unary('nearest', 3.5, 4);
  check('fma', ir.fma(make(2), make(3), make(4)), 10);
});

describe('minimum and maximum with a number', () => {
  const x = f32v(NaN, -0, 0, 5);
  const bound = (value: number): ir.Expr => ir.constant('f32v', value);
  check('max with 0', ir.binary('max', x, bound(0)), [NaN, 0, 0, 5]);
  check('max with 0, the other way round', ir.binary('max', bound(0), x), [NaN, 0, 0, 5]);
  check('max with 6', ir.binary('max', x, bound(6)), [NaN, 6, 6, 6]);
  check('max with -0', ir.binary('max', x, bound(-0)), [NaN, -0, 0, 5]);
  check('max with NaN', ir.binary('max', x, bound(NaN)), [NaN, NaN, NaN, NaN]);
  check('min with 0', ir.binary('min', x, bound(0)), [NaN, -0, 0, 0]);
  check('min with -1', ir.binary('min', bound(-1), x), [NaN, -1, -1, -1]);
  check('min with -0', ir.binary('min', x, bound(-0)), [NaN, -0, -0, -0]);
  for (const op of ['lt', 'gt', 'le', 'ge'] as const) {
    const [p, q] = [x, f32v(1, 0, -0, NaN)];
    // A NaN takes the second; so do equal sides, unless the comparison says otherwise.
    const first = op === 'le' || op === 'ge';
    check(`select by ${op} of the same sides`, ir.select(ir.compare(op, p, q), p, q), [
      1,
      first ? -0 : 0,
      first ? 0 : -0,
      NaN,
    ]);
  }
});

describe('comparisons', () => {
  const cases: [ir.CompareOp, number, number, number][] = [
    ['eq', 1, 1, 1],
    ['ne', 1, 1, 0],
    ['lt', -1, 1, 1],
    ['le', 1, 1, 1],
    ['gt', -1, 1, 0],
    ['ge', 1, 1, 1],
    ['ltU', -1, 1, 0],
    ['leU', 1, 1, 1],
    ['gtU', -1, 1, 1],
    ['geU', -1, 1, 1],
  ];
  for (const [op, a, b, expected] of cases) {
    check(`${a} ${op} ${b}`, ir.compare(op, i32(a), i32(b)), [expected]);
    const mask = ir.compare(op, ir.splat(i32(a)), ir.splat(i32(b)));
    check(`lanes: ${a} ${op} ${b}`, mask, Array<number>(4).fill(truth(expected)));
    if (op.endsWith('U')) continue;
    check(`floats: ${a} ${op} ${b}`, ir.compare(op, f32(a), f32(b)), [expected]);
    check(`doubles: ${a} ${op} ${b}`, ir.compare(op, f64(a), f64(b)), [expected]);
    check(`float lanes: ${a} ${op} ${b}`, ir.compare(op, f32v(a, a, NaN, b), f32v(b, a, b, NaN)), [
      truth(expected),
      op === 'eq' || op === 'le' || op === 'ge' ? -1 : 0,
      op === 'ne' ? -1 : 0,
      op === 'ne' ? -1 : 0,
    ]);
  }
  const mask = ir.compare('lt', i32v(1, 5, 2, 9), i32v(3, 3, 3, 3));
  check('a mask as numbers', ir.convert('maskToInt', 'i32v', mask), [1, 0, 1, 0]);
  check('not of a mask', ir.unary('not', mask), [0, -1, 0, -1]);
  check('select by a mask', ir.select(mask, f32v(1, 2, 3, 4), f32v(-1, -2, -3, -4)), [1, -2, 3, -4]);
  check('select by a truth value', ir.select(i32(0), f32(1), f32(2)), [2]);
  check('all lanes of a mask', { kind: 'reduceLanes', type: 'i32', op: 'and', a: mask }, [0]);
  check('any lane of a mask', { kind: 'reduceLanes', type: 'i32', op: 'or', a: mask }, [1]);
  check('a mask from 1', ir.splat(ir.compare('lt', i32(1), i32(2)), 'maskv'), [-1, -1, -1, -1]);
  check('a mask from a constant', ir.constant('maskv', 1), [-1, -1, -1, -1]);
});

describe('conversions', () => {
  const to = (op: ir.ConvertOp, type: ir.Type, from: ir.Expr): ir.Expr => ir.convert(op, type, from);
  check('f32 from -1', to('fromS', 'f32', i32(-1)), [-1]);
  check('f32 from unsigned -1', to('fromU', 'f32', i32(-1)), [4294967296]);
  check('f64 from unsigned -1', to('fromU', 'f64', i32(-1)), [4294967295]);
  check('f32v from i32v', to('fromS', 'f32v', i32v(-1, 0, 1, MAX)), [-1, 0, 1, 2147483648]);
  check('f32v from unsigned i32v', to('fromU', 'f32v', i32v(-1, 0, 1, 2)), [4294967296, 0, 1, 2]);
  for (const [value, signed, unsigned] of [
    [-1.9, -1, 0],
    [NaN, 0, 0],
    [1e20, MAX, -1],
    [-Infinity, MIN, 0],
  ] as const) {
    check(`i32 from ${value}`, to('toS', 'i32', f32(value)), [signed]);
    check(`unsigned i32 from ${value}`, to('toU', 'i32', f32(value)), [unsigned]);
    check(`i32 from double ${value}`, to('toS', 'i32', f64(value)), [signed]);
    check(`unsigned i32 from double ${value}`, to('toU', 'i32', f64(value)), [unsigned]);
    check(`i32v from ${value}`, to('toS', 'i32v', ir.splat(f32(value))), Array<number>(4).fill(signed));
    check(
      `unsigned i32v from ${value}`,
      to('toU', 'i32v', ir.splat(f32(value))),
      Array<number>(4).fill(unsigned),
    );
  }
  check('narrow', to('narrow', 'f32', f64(0.1)), [round(0.1)]);
  check('widen', to('widen', 'f64', f32(0.1)), [round(0.1)]);
  check('bits of f32', to('bits', 'i32', f32(1)), [0x3f800000]);
  check('f32 of bits', to('bits', 'f32', i32(0x40000000)), [2]);
  check('bits of f32v', to('bits', 'i32v', f32v(1, 2, -0, 0)), [0x3f800000, 0x40000000, MIN, 0]);
});

describe('lanes', () => {
  check('laneIndex', ir.laneIndex, [0, 1, 2, 3]);
  check('extract', ir.extract(f32v(5, 6, 7, 8), 2), [7]);
  check('extract', ir.extract(i32v(5, 6, 7, 8), 3), [8]);
  const reduce = (op: Parameters<typeof ir.reduceLanes>[0], a: ir.Expr, expected: number): void =>
    check(`reduceLanes ${op}`, ir.reduceLanes(op, a), [expected]);
  reduce('add', f32v(1, 2, 3, 4), 10);
  reduce('mul', f32v(1, 2, 3, 4), 24);
  reduce('min', f32v(4, 2, 3, 4), 2);
  reduce('max', f32v(1, 2, NaN, 4), NaN);
  reduce('add', i32v(1, 2, 3, 4), 10);
  reduce('mul', i32v(1, 2, 3, 4), 24);
  reduce('minS', i32v(1, 2, -3, 4), -3);
  reduce('minU', i32v(1, 2, -3, 4), 1);
  reduce('maxS', i32v(1, 2, -3, 4), 4);
  reduce('maxU', i32v(1, 2, -3, 4), -3);
  reduce('and', i32v(7, 6, 14, 6), 6);
  reduce('or', i32v(1, 2, 8, 0), 11);
});

describe('loads', () => {
  const fill = (m: Machine): void => {
    for (let n = 0; n < 64; n++) m.i32[n] = n * 10;
    for (let n = 0; n < 64; n++) m.f32[64 + n] = n + 0.5;
    m.u8.set([1, 255, 128, 127, 0, 7, 200, 3], 1024);
    m.f64[200] = Math.PI;
  };
  const check = (name: string, expr: ir.Expr, expected: number[]): void => {
    it(name, () => {
      expect(valueOf(expr, fill)).toEqual(expected);
    });
  };
  check('i32', ir.load('i32', i32(8)), [20]);
  check('i32 at an offset', ir.load('i32', i32(8), 400), [bits(38.5)]);
  check('f32', ir.load('f32', i32(256)), [0.5]);
  check('f64', ir.load('f64', i32(1600)), [Math.PI]);
  check('u8', ir.load('u8', i32(1025)), [255]);
  check('i8', ir.load('i8', i32(1025)), [-1]);
  check('u16', ir.load('u16', i32(1025)), [0x80ff]);
  check('i32v, unaligned to its own size', ir.load('i32', i32(4), 0, true), [10, 20, 30, 40]);
  check('f32v', ir.load('f32', i32(256), 4, true), [1.5, 2.5, 3.5, 4.5]);
  check('u8 to i32v', ir.load('u8', i32(1024), 0, true), [1, 255, 128, 127]);
  check('i8 to i32v', ir.load('i8', i32(1024), 0, true), [1, -1, -128, 127]);
  check('u16 to i32v', ir.load('u16', i32(1024), 0, true), [0xff01, 0x7f80, 0x0700, 0x03c8]);
  check('loadSplat f32', ir.loadSplat('f32', i32(256), 8), [2.5, 2.5, 2.5, 2.5]);
  check('loadSplat i32', ir.loadSplat('i32', i32(8)), [20, 20, 20, 20]);
  for (const stride of [0, 2, 3, 7, -1, -2]) {
    const lanes = [0, 1, 2, 3];
    check(
      `f32 by steps of ${stride}`,
      ir.loadStrided('f32', i32(256 + 40), stride),
      lanes.map((lane) => 10.5 + lane * stride),
    );
    check(
      `i32 by steps of ${stride}`,
      ir.loadStrided('i32', i32(40), stride),
      lanes.map((lane) => 100 + lane * stride * 10),
    );
  }
  check('u8 by steps of 2', ir.loadStrided('u8', i32(1024), 2), [1, 128, 0, 200]);
  check('i8 by steps of -2', ir.loadStrided('i8', i32(1030), -2), [-56, 0, -128, 1]);
  check('u16 by steps of 0', ir.loadStrided('u16', i32(1024), 0), [0xff01, 0xff01, 0xff01, 0xff01]);
  check('gather f32', ir.gather('f32', i32(256), i32v(3, 0, 60, 3)), [3.5, 0.5, 60.5, 3.5]);
  check('gather i32 from 0', ir.gather('i32', i32(0), i32v(3, 0, 60, 3)), [30, 0, 600, 30]);
  check('gather u8', ir.gather('u8', i32(1024), i32v(7, 1, 2, 0)), [3, 255, 128, 1]);
  check(
    'gather i8',
    ir.gather('i8', ir.add(ir.load('i32', i32(0)), i32(1024)), i32v(7, 1, 2, 0)),
    [3, -1, -128, 1],
  );
  check('gather u16', ir.gather('u16', i32(1024), i32v(3, 1, 2, 0)), [0x03c8, 0x7f80, 0x0700, 0xff01]);
});

function bits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0] ?? 0;
}

/** Memory after running `build` with parameters. */
function run(
  build: (b: ir.Builder, ...args: ir.Expr[]) => void,
  args: number[] = [],
  fill?: (m: Machine) => void,
): Machine {
  const names = args.map((_, n) => `p${n}`);
  const m = machine({ functions: [ir.func('run', names, build, true)] });
  fill?.(m);
  m.call('run', ...args);
  return m;
}

describe('stores', () => {
  it('keep the low bits of narrow elements', () => {
    const m = run((b) => {
      b.store('u8', i32(0), i32(0x1ff));
      b.store('i8', i32(1), i32(-2));
      b.store('u16', i32(2), i32(0x12345));
      b.store('u8', i32(4), i32v(1, 0x102, -1, 4));
      b.store('u16', i32(8), i32v(1, 0x10002, -1, 4));
      b.store('f64', i32(16), f64(0.1));
    });
    expect([...m.u8.subarray(0, 16)]).toEqual([
      255, 254, 0x45, 0x23, 1, 2, 255, 4, 1, 0, 2, 0, 255, 255, 4, 0,
    ]);
    expect(m.f64[2]).toBe(0.1);
  });

  for (const count of [0, 1, 2, 3, 4]) {
    it(`write ${count} lanes when told so`, () => {
      const m = run(
        (b, n) => {
          const at = b.let(ir.add(n, ir.sub(i32(0), n)));
          b.store('f32', at, f32v(1, 2, 3, 4), 4, n);
          b.store('u8', i32(64), i32v(1, 2, 3, 4), 0, n);
          b.store('u16', i32(128), i32v(1, 2, 3, 4), 2, n);
          b.store('i32', i32(192), i32v(1, 2, 3, 4), 0, i32(count));
        },
        [count],
      );
      const expected = [1, 2, 3, 4].map((value) => (value <= count ? value : 0));
      expect([...m.f32.subarray(0, 6)]).toEqual([0, ...expected, 0]);
      expect([...m.u8.subarray(63, 69)]).toEqual([0, ...expected, 0]);
      expect([...new Uint16Array(m.memory.buffer, 128, 6)]).toEqual([0, ...expected, 0]);
      expect([...m.i32.subarray(47, 53)]).toEqual([0, ...expected, 0]);
    });
  }

  it('of bits may use the other type of the same size', () => {
    const m = run((b) => {
      b.store('i32', i32(0), f32(1));
      b.store('f32', i32(4), i32(0x40000000));
    });
    expect([m.f32[0], m.f32[1]]).toEqual([1, 2]);
  });
});

describe('statements', () => {
  /** How often the body runs, and the index afterwards. */
  const rounds = (from: number, to: number, step: number): number[] => {
    const m = run(
      (b, start, end) => {
        const i = ir.local('i32', 'i');
        const body: ir.Statement[] = [
          {
            kind: 'store',
            element: 'i32',
            address: i32(0),
            offset: 0,
            value: ir.add(ir.load('i32', i32(0)), i32(1)),
          },
        ];
        const loop = { kind: 'for', local: i, step, body } as const;
        b.push({ ...loop, from: start, to: end });
        b.store('i32', i32(4), ir.get(i));
        b.push({ ...loop, from: i32(from), to: i32(to) });
        b.store('i32', i32(8), ir.get(i));
      },
      [from, to],
    );
    return [...m.i32.subarray(0, 3)];
  };
  it('for counts up to the bound', () => {
    expect(rounds(0, 10, 1)).toEqual([20, 10, 10]);
  });
  it('for may step over the bound', () => {
    expect(rounds(-3, 10, 4)).toEqual([8, 13, 13]);
  });
  it('for does nothing when it starts at the bound or behind', () => {
    expect(rounds(5, 5, 1)).toEqual([0, 5, 5]);
    expect(rounds(5, -5, 1)).toEqual([0, 5, 5]);
  });
  it('for evaluates its bound once', () => {
    const m = run(
      (b) => {
        b.for(i32(0), ir.load('i32', i32(0)), 1, () => {
          b.store('i32', i32(0), i32(100));
          b.store('i32', i32(4), ir.add(ir.load('i32', i32(4)), i32(1)));
        });
      },
      [],
      (m) => {
        m.i32[0] = 3;
      },
    );
    expect(m.i32[1]).toBe(3);
  });
  it('while tests before each round', () => {
    const m = run((b) => {
      const n = b.variable(i32(27), 'collatz');
      b.while(ir.compare('gt', ir.get(n), i32(1)), () => {
        const odd = ir.binary('and', ir.get(n), i32(1));
        b.if(
          odd,
          () => {
            b.set(n, ir.add(ir.mul(ir.get(n), i32(3)), i32(1)));
          },
          () => {
            b.set(n, ir.binary('shrU', ir.get(n), i32(1)));
          },
        );
        b.store('i32', i32(0), ir.add(ir.load('i32', i32(0)), i32(1)));
      });
    });
    expect(m.i32[0]).toBe(111);
  });
  it('call passes arguments', () => {
    const put = ir.func('put', ['at', 'value'], (b, at, value) => {
      b.store('i32', at, value);
    });
    const main = ir.func(
      'main',
      ['value'],
      (b, value) => {
        b.call('put', i32(8), value);
        b.call('put', i32(4), ir.add(value, i32(1)));
      },
      true,
    );
    const m = machine({ functions: [main, put] });
    m.call('main', 6);
    expect([...m.i32.subarray(0, 4)]).toEqual([0, 7, 6, 0]);
  });
  it('fillZero and copy take bytes', () => {
    const m = run(
      (b, length) => {
        b.push({ kind: 'copy', to: i32(16), from: i32(0), length });
        b.push({ kind: 'fillZero', address: i32(1), length });
      },
      [3],
      (m) => m.u8.set([1, 2, 3, 4, 5, 6]),
    );
    expect([...m.u8.subarray(0, 6)]).toEqual([1, 0, 0, 0, 5, 6]);
    expect([...m.u8.subarray(16, 20)]).toEqual([1, 2, 3, 0]);
  });
  it('atomicAdd gives what was there', () => {
    const m = run((b) => {
      b.store('i32', i32(4), ir.atomicAdd(i32(0), i32(5)));
      b.store('i32', i32(8), ir.atomicAdd(i32(0), i32(5)));
    });
    expect([...m.i32.subarray(0, 3)]).toEqual([10, 0, 5]);
  });
  it('a local changed in a loop keeps its vector', () => {
    const m = run((b) => {
      const total = b.variable(ir.constant('f32v', 0));
      b.for(i32(0), i32(10), 1, (i) => {
        b.set(total, ir.fma(ir.splat(ir.convert('fromS', 'f32', i)), ir.constant('f32v', 2), ir.get(total)));
      });
      b.store('f32', i32(0), ir.get(total));
    });
    expect([...m.f32.subarray(0, 4)]).toEqual([90, 90, 90, 90]);
  });
});

describe('host functions', () => {
  const cases: [ir.HostFunction, number[], number][] = [
    ['exp', [1], Math.E],
    ['erf', [7], 1],
    ['pow', [2, 10], 1024],
    ['pow', [-1, Infinity], 1],
    ['fmod', [-7, 2], -1],
    ['atan2', [1, -1], (3 * Math.PI) / 4],
  ];
  for (const [name, args, expected] of cases)
    check(`${name}(${args.join(', ')})`, ir.host(name, ...args.map(f64)), [expected]);
});

describe('modules', () => {
  const empty = ir.func('run', [], () => undefined, true);
  it('link with memories of any maximum', () => {
    for (const maximum of [1, 100, 65536]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
      expect(() => machine({ functions: [empty] }, { memory })).not.toThrow();
    }
  });
  it('link with unshared memory when told so', () => {
    const bytes = encodeModule({ functions: [empty] }, { relaxedFma: false, shared: false });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 10 });
    expect(() => new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })).not.toThrow();
  });
  it('import only what they use', () => {
    const module = new WebAssembly.Module(encodeModule({ functions: [empty] }, { relaxedFma: false }));
    expect(WebAssembly.Module.imports(module).map(({ name }) => name)).toEqual(['memory']);
  });
  it('may have functions with more than 127 locals and a body of more than 16 KiB', () => {
    const m = run((b) => {
      for (let n = 0; n < 2000; n++) {
        const value = b.let(ir.load('i32', i32(n * 4)));
        b.store('i32', i32(n * 4), ir.add(ir.mul(value, value), i32(n)));
      }
    });
    expect(m.i32[1999]).toBe(1999);
  });
  it('reject a call of a function they do not have', () => {
    const lost = ir.func('run', [], (b) => {
      b.call('nowhere');
    });
    expect(() => encodeModule({ functions: [lost] }, { relaxedFma: false })).toThrow(/nowhere/);
  });
  it('reject operations that a type does not have', () => {
    const broken = ir.func('run', [], (b) => {
      b.store('i32', i32(0), ir.unary('sqrt', i32(4)));
    });
    expect(() => encodeModule({ functions: [broken] }, { relaxedFma: false })).toThrow(/sqrt of i32/);
  });
});
