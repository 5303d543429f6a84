import { describe, expect, it } from 'vitest';
import { AVX512_MACHINE, WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { planContraction } from '../../src/targets/cpu/contraction-plan.js';
import { planRows, tileHeights } from '../../src/targets/cpu/contraction-rows.js';
import {
  kernelOf,
  prepare,
  TARGETS,
  UNFUSED_TARGET,
  WASM_TARGET,
  type Dimension,
  type Prepared,
  type Problem,
  type Target,
} from './contraction-harness.js';

// A small generator, so that cases are the same in every run.
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Every element of the result, summed one by one in float64. Operands are small integers, so float32 sums are exact. */
function naive(problem: Problem, { a, b, bias, out }: Prepared): Float64Array {
  const expected = new Float64Array(out.length).fill(NaN);
  const go = (
    dimensions: readonly Dimension[],
    at: { a: number; b: number; out: number; bias: number },
  ): void => {
    const [first, ...rest] = dimensions;
    if (first === undefined) {
      expected[at.out] =
        (Number.isNaN(expected[at.out])
          ? hasBias
            ? (bias[at.bias] ?? NaN)
            : 0
          : (expected[at.out] ?? NaN)) +
        (a[at.a] ?? NaN) * (b[at.b] ?? NaN);
      return;
    }
    for (let i = 0; i < first.extent; i++) {
      go(rest, {
        a: at.a + i * (first.a ?? 0),
        b: at.b + i * (first.b ?? 0),
        out: at.out + i * (first.out ?? 0),
        bias: at.bias + i * (first.bias ?? 0),
      });
    }
  };
  const hasBias = problem.dimensions.some((each) => each.bias !== undefined);
  go(problem.dimensions, { a: problem.aOffset ?? 0, b: problem.bOffset ?? 0, out: 0, bias: 0 });
  return expected;
}

function checkOn(problem: Problem, targets: readonly Target[]): void {
  let expected: Float64Array | undefined;
  for (const target of targets) {
    // The same operands for all.
    const random = generator(7);
    const prepared = prepare(problem, target, () => random(7) - 3);
    expected ??= naive(problem, prepared);
    compare(problem, target, prepared, expected);
  }
}

function compare(problem: Problem, target: Target, prepared: Prepared, expected: Float64Array): void {
  const { code, scratch, behind, out } = prepared;
  scratch.fill(0xaa);
  behind.fill(0xaa);
  prepared.run(0, code.units);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(out[i], expected[i]) && out[i] !== expected[i]) {
      const { name } = target.encoder;
      expect.fail(`${name}: element ${i} is ${out[i]}, not ${expected[i]}: ${JSON.stringify(problem)}`);
    }
  }
  const untouched = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0xaa);
  expect(untouched(scratch.subarray(code.scratchBytes)), 'writes beyond the scratch').toBe(true);
  expect(untouched(behind), 'writes behind the result').toBe(true);
}

function check(problem: Problem): void {
  checkOn(problem, TARGETS);
}

/** a [batch, m, k] · b [batch, k, n], either of them stored transposed. */
function matmul(
  m: number,
  n: number,
  k: number,
  options: {
    batch?: number;
    transposeA?: boolean;
    transposeB?: boolean;
    transposeOut?: boolean;
    bias?: 'rows' | 'columns';
  } = {},
): Problem {
  const { batch = 1, transposeA = false, transposeB = false, transposeOut = false, bias } = options;
  return {
    dimensions: [
      { role: 'batch', extent: batch, a: m * k, b: k * n, out: m * n },
      {
        role: 'm',
        extent: m,
        a: transposeA ? 1 : k,
        out: transposeOut ? 1 : n,
        ...(bias === 'rows' ? { bias: 1 } : {}),
      },
      {
        role: 'n',
        extent: n,
        b: transposeB ? k : 1,
        out: transposeOut ? m : 1,
        ...(bias === 'columns' ? { bias: 1 } : {}),
      },
      { role: 'k', extent: k, a: transposeA ? m : 1, b: transposeB ? 1 : n },
    ],
  };
}

interface Conv {
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
}

const outputOf = ({ size, kernel, stride = 1 }: Conv): number => Math.floor((size - kernel) / stride) + 1;

function convForward(conv: Conv): Problem {
  const { batch, channels, size, filters, kernel, stride = 1 } = conv;
  const o = outputOf(conv);
  return {
    dimensions: [
      { role: 'm', extent: filters, a: channels * kernel * kernel, out: o * o, bias: 1 },
      { role: 'n', extent: batch, b: channels * size * size, out: filters * o * o },
      { role: 'n', extent: o, b: size * stride, out: o },
      { role: 'n', extent: o, b: stride, out: 1 },
      { role: 'k', extent: channels, a: kernel * kernel, b: size * size },
      { role: 'k', extent: kernel, a: kernel, b: size },
      { role: 'k', extent: kernel, a: 1, b: 1 },
    ],
  };
}

function convWeightGradient(conv: Conv): Problem {
  const { batch, channels, size, filters, kernel, stride = 1 } = conv;
  const o = outputOf(conv);
  return {
    dimensions: [
      { role: 'm', extent: filters, a: o * o, out: channels * kernel * kernel },
      { role: 'n', extent: channels, b: size * size, out: kernel * kernel },
      { role: 'n', extent: kernel, b: size, out: kernel },
      { role: 'n', extent: kernel, b: 1, out: 1 },
      { role: 'k', extent: batch, a: filters * o * o, b: channels * size * size },
      { role: 'k', extent: o, a: o, b: size * stride },
      { role: 'k', extent: o, a: 1, b: stride },
    ],
  };
}

/** dY already padded to `size` + `kernel` - 1 (stride 1); the filter runs backwards. */
function convInputGradient({ batch, channels, size, filters, kernel }: Conv): Problem {
  const padded = size + kernel - 1;
  return {
    aOffset: kernel * kernel - 1,
    dimensions: [
      { role: 'm', extent: channels, a: kernel * kernel, out: size * size },
      { role: 'n', extent: batch, b: filters * padded * padded, out: channels * size * size },
      { role: 'n', extent: size, b: padded, out: size },
      { role: 'n', extent: size, b: 1, out: 1 },
      { role: 'k', extent: filters, a: channels * kernel * kernel, b: padded * padded },
      { role: 'k', extent: kernel, a: -kernel, b: padded },
      { role: 'k', extent: kernel, a: -1, b: 1 },
    ],
  };
}

describe('matrix products', () => {
  for (const m of [1, 2, 3, 4, 5, 6, 7, 11, 13, 64])
    it(`has ${m} rows`, () => {
      check(matmul(m, 24, 5));
    });
  for (const n of [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 23])
    it(`has ${n} columns`, () => {
      check(matmul(24, n, 5));
    });
  for (const k of [1, 2, 9, 640, 641, 700, 1300])
    it(`sums ${k} products`, () => {
      check(matmul(13, 11, k));
    });
  for (const transposeA of [false, true])
    for (const transposeB of [false, true])
      for (const transposeOut of [false, true])
        it(`takes ${transposeA ? 'aᵀ' : 'a'} · ${transposeB ? 'bᵀ' : 'b'} into ${transposeOut ? 'columns' : 'rows'}`, () => {
          check(matmul(31, 45, 70, { transposeA, transposeB, transposeOut, bias: 'columns' }));
          check(matmul(45, 18, 33, { transposeA, transposeB, transposeOut, bias: 'rows' }));
        });
  it('goes over a batch', () => {
    check(matmul(7, 9, 11, { batch: 5 }));
  });
  it('is right without fused multiply-add', () => {
    checkOn(matmul(37, 29, 41), [UNFUSED_TARGET]);
  });
  it('cuts long runs of rows into blocks', () => {
    check(matmul(1000, 20, 600));
  });
  it('has no k', () => {
    check({
      dimensions: [
        { role: 'm', extent: 7, a: 1, out: 9 },
        { role: 'n', extent: 9, b: 1, out: 1 },
      ],
    });
  });
});

describe('packing', () => {
  it('copies rows that lie across the cache lines', () => {
    const problem = matmul(40, 48, 130, { transposeA: true });
    expect(planContraction(kernelOf(problem), WASM_MACHINE).packRows).toBe(true);
    check(problem);
    check(matmul(29, 50, 1290, { transposeA: true, batch: 2 }));
  });
  it('reads panels side by side', () => {
    const problem = matmul(24, 1000, 9, { bias: 'columns' });
    expect(planContraction(kernelOf(problem), WASM_MACHINE).panelsPerStrip).toBeGreaterThan(2);
    check(problem);
  });
});

describe('tiles', () => {
  it('have at most 6 rows', () => {
    expect(tileHeights(12, WASM_MACHINE)).toEqual([6, 6]);
    expect(tileHeights(9, WASM_MACHINE)).toEqual([5, 4]);
    expect(tileHeights(11, WASM_MACHINE)).toEqual([6, 5]);
    for (let rows = 1; rows < 100; rows++) {
      const heights = tileHeights(rows, WASM_MACHINE);
      expect(heights.reduce((sum, height) => sum + height, 0)).toBe(rows);
      expect(Math.max(...heights)).toBeLessThanOrEqual(6);
    }
  });

  it('cross the lines of a picture where that saves some', () => {
    // Lines of 13 pixels, 15 apart: two lines make a group.
    const plan = planRows(
      [
        { extent: 13, stride: 15 },
        { extent: 13, stride: 1 },
      ],
      240,
      288,
      WASM_MACHINE,
    );
    expect(plan.rows).toBe(26);
    expect(plan.lastRows).toBe(13);
  });
});

describe('convolutions', () => {
  const convs: readonly Conv[] = [
    { batch: 2, channels: 3, size: 13, filters: 8, kernel: 3 },
    { batch: 3, channels: 1, size: 12, filters: 5, kernel: 3 },
    { batch: 2, channels: 4, size: 9, filters: 7, kernel: 5 },
    { batch: 2, channels: 4, size: 6, filters: 16, kernel: 1 },
    { batch: 5, channels: 2, size: 5, filters: 4, kernel: 3 },
    { batch: 2, channels: 32, size: 28, filters: 9, kernel: 3 },
  ];
  for (const conv of convs) {
    it(`forward ${JSON.stringify(conv)}`, () => {
      check(convForward(conv));
    });
    it(`weight gradient ${JSON.stringify(conv)}`, () => {
      check(convWeightGradient(conv));
    });
    it(`input gradient ${JSON.stringify(conv)}`, () => {
      check(convInputGradient(conv));
    });
  }
  it('with stride 2', () => {
    check(convForward({ batch: 2, channels: 3, size: 15, filters: 8, kernel: 3, stride: 2 }));
    check(convWeightGradient({ batch: 2, channels: 3, size: 15, filters: 8, kernel: 3, stride: 2 }));
  });
});

describe('sweeps', () => {
  for (const n of [16, 17, 31, 32, 33, 48, 50, 64, 65, 100, 130])
    it(`have ${n} columns`, () => {
      for (const k of [1, 3, 9, 64, 130]) check(matmul(29, n, k, k === 9 ? { bias: 'columns' } : {}));
    });
  for (const m of [1, 5, 8, 14, 15, 24, 25, 47, 49, 100])
    it(`have ${m} rows`, () => {
      for (const n of [10, 20, 40, 70]) check(matmul(m, n, 40, { bias: 'rows' }));
    });
  it('pack while they multiply', () => {
    const problem = matmul(60, 260, 270);
    const plan = planContraction(kernelOf(problem), AVX512_MACHINE);
    expect(plan.sweep).toMatchObject({ source: 'packing', finish: 'write' });
    check(problem);
    check(matmul(60, 260, 270, { bias: 'columns' }));
  });
  it('read small operands where they lie', () => {
    const problem = matmul(64, 64, 64, { bias: 'columns' });
    expect(planContraction(kernelOf(problem), AVX512_MACHINE).sweep).toMatchObject({
      source: 'operand',
      finish: 'epilogue',
    });
    check(problem);
  });
  it('take up results after each block of k', () => {
    check(matmul(9, 70, 1300));
    check(matmul(9, 70, 1300, { bias: 'columns', transposeA: true }));
    check(matmul(7, 66, 2600, { batch: 2, transposeB: true }));
  });
  it("keep rows a power of two apart out of each other's way", () => {
    const height = (k: number): number =>
      planContraction(kernelOf(matmul(512, 10, k)), AVX512_MACHINE).machine.tile.rows;
    expect(height(1024)).toBe(8);
    expect(height(100)).toBe(24);
  });
  it('have narrower and taller tiles where these leave smaller remainders', () => {
    const height = (m: number, n: number, k: number): number =>
      planContraction(kernelOf(matmul(m, n, k)), AVX512_MACHINE).machine.tile.rows;
    expect(height(512, 512, 512)).toBe(6);
    expect(height(128, 128, 784)).toBe(14);
    check(matmul(128, 128, 784, { bias: 'columns' }));
  });
});

describe('arbitrary strides', () => {
  /** Up to three variables per role, laid out in the operands and the result in any order, with holes, some running backwards. */
  function randomProblem(seed: number): Problem {
    const random = generator(seed);
    const extents = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13];
    const roles: Dimension['role'][] = [];
    for (let i = random(2); i > 0; i--) roles.push('batch');
    for (const role of ['m', 'n', 'k'] as const) for (let i = 1 + random(3); i > 0; i--) roles.push(role);
    const dimensions = roles.map((role) => ({
      role,
      extent: extents[random(role === 'batch' ? 3 : extents.length)] ?? 1,
    }));
    const layout = (
      uses: (role: Dimension['role']) => boolean,
      holes: boolean,
    ): { strides: (number | undefined)[]; offset: number } => {
      const strides = new Array<number | undefined>(dimensions.length).fill(undefined);
      const order = dimensions.map((_, i) => i).filter((i) => uses(dimensions[i]?.role ?? 'k'));
      for (let i = order.length - 1; i > 0; i--) {
        const j = random(i + 1);
        [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
      }
      let step = holes && random(3) === 0 ? 2 : 1;
      let offset = 0;
      for (const i of order) {
        const extent = dimensions[i]?.extent ?? 1;
        const backwards = holes && random(4) === 0;
        strides[i] = backwards ? -step : step;
        if (backwards) offset += step * (extent - 1);
        step *= extent + (holes && random(3) === 0 ? 1 : 0);
      }
      return { strides, offset };
    };
    const a = layout((role) => role !== 'n', true);
    const b = layout((role) => role !== 'm', true);
    const out = layout((role) => role !== 'k', false);
    const defined = (key: string, value: number | undefined): object =>
      value === undefined ? {} : { [key]: value };
    return {
      aOffset: a.offset,
      bOffset: b.offset,
      dimensions: dimensions.map((dimension, i) => ({
        ...dimension,
        ...defined('a', a.strides[i]),
        ...defined('b', b.strides[i]),
        ...defined('out', out.strides[i]),
        ...(seed % 3 === 0 && dimension.role === 'n' ? defined('bias', out.strides[i]) : {}),
      })),
    };
  }

  const size = (problem: Problem): number =>
    problem.dimensions.reduce((product, { extent }) => product * extent, 1);
  it('computes what a naive loop does', () => {
    let cases = 0;
    for (let seed = 0; cases < 150; seed++) {
      const problem = randomProblem(seed);
      if (size(problem) > 300_000) continue;
      cases++;
      check(problem);
    }
  });
});

describe('units of work', () => {
  it('give the same bits one by one, in any order', () => {
    const problem = convForward({ batch: 4, channels: 8, size: 13, filters: 24, kernel: 3 });
    const random = generator(3);
    const fill = (): number => random(2 ** 20) / 2 ** 20 - 0.5;
    for (const target of TARGETS) {
      const together = prepare(problem, target, fill);
      together.run(0, together.code.units);
      const expected = together.out.slice();
      expect(together.code.units).toBeGreaterThan(3);
      together.out.fill(NaN);
      for (let unit = together.code.units - 1; unit >= 0; unit--) together.run(unit, unit + 1);
      expect(together.out).toEqual(expected);
    }
  });

  it('count the work', () => {
    expect(prepare(matmul(10, 20, 30), WASM_TARGET, () => 0).code.flops).toBe(12000);
  });
});
