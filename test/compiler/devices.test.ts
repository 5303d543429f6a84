/** What all code for the processor has in common, whatever the length of its vectors. */
import { afterAll, describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/core/dtype.js';
import { HostRandom } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { setThreads, threadCount } from '../../src/runtime/index.js';
import { expectAgreement, randomValue, runOnCpu, value } from '../support/device-agreement.js';
import { cpuDevices, nativeMachines } from '../support/devices.js';
import { runGuarded } from '../support/guarded-program.js';
import { randomGraph } from '../support/random-graph.js';

/** Nothing, one, and the lengths of vectors with their neighbours. */
const SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65];
const SPECIAL = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1e-40,
  -1e-40,
  2 ** -149,
  3e38,
  -3e38,
  1,
  -1,
  0.5,
  -2.5,
  1e10,
];
const plain = { batchA: [], batchB: [], contractA: [1], contractB: [0] } as const;

const special = (size: number, shift = 0): Node =>
  value(
    Array.from({ length: size }, (_, n) => SPECIAL[(n + shift) % SPECIAL.length] ?? 0),
    [size],
  );

describe('numbers at the edges', () => {
  it('go through every element-wise operation, at every size', () => {
    for (const size of SIZES) {
      const [x, y] = [special(size), special(size, 7)];
      const unary = [
        'neg',
        'abs',
        'sign',
        'floor',
        'ceil',
        'round',
        'trunc',
        'sqrt',
        'exp',
        'tanh',
        'sigmoid',
        'erf',
      ] as const;
      const binary = ['add', 'sub', 'mul', 'div', 'max', 'min', 'eq', 'ne', 'lt', 'le'] as const;
      expectAgreement([...unary.map((op) => g.unary(op, x)), ...binary.map((op) => g.binary(op, x, y))]);
    }
  });
  it('go through conversions', () => {
    const finite = value(
      SPECIAL.filter(Number.isFinite).map((x) => Math.max(-200, Math.min(200, x))),
      [12],
    );
    const to = ['float64', 'int32', 'float16', 'bfloat16', 'bool'] as const;
    expectAgreement(to.map((dtype) => g.cast(finite, dtype)));
    expectAgreement((['float64', 'float16', 'bfloat16'] as const).map((dtype) => g.cast(special(33), dtype)));
  });
  it('go through reductions of every length, along and across', () => {
    const random = new HostRandom(3);
    for (const size of SIZES) {
      for (const shape of [
        [size, 3],
        [3, size],
        [size, 17],
        [17, size],
      ]) {
        const x = randomValue(random, shape);
        for (const axis of [0, 1]) {
          if (shape[axis] === 0) {
            expectAgreement([g.sum(x, [axis])]);
            continue;
          }
          const extremes = (['reduceMax', 'reduceMin'] as const).map((op) => g.reduce(op, x, [axis]));
          expectAgreement([g.sum(x, [axis]), g.sum(x, [0, 1]), ...extremes, g.argmax(x, axis)], {
            float32: 1e-4,
          });
        }
      }
    }
  });
  it('are found by maxima and minima wherever a NaN is', () => {
    for (const at of [0, 1, 7, 8, 15, 16, 30, 32]) {
      const data = Array.from({ length: 33 }, (_, n) => (n === at ? NaN : n - 10));
      for (const shape of [[33], [33, 1], [1, 33], [3, 11]]) {
        const x = value(data, shape);
        const axes = shape.map((_, axis) => axis);
        expectAgreement([
          g.reduce('reduceMax', x, axes),
          g.reduce('reduceMin', x, axes),
          g.reduce('reduceMax', x, [0]),
        ]);
      }
    }
  });
});

describe('shapes of all kinds', () => {
  it('products of every small size', () => {
    const random = new HostRandom(5);
    for (const [m, n, k] of [
      [1, 17, 3],
      [17, 1, 16],
      [0, 4, 3],
      [3, 4, 0],
      [15, 33, 31],
      [7, 16, 8],
      [6, 64, 5],
      [33, 65, 17],
    ] as const) {
      const [a, b] = [randomValue(random, [m, k]), randomValue(random, [k, n])];
      const across = g.permute(randomValue(random, [n, k]), [1, 0]);
      expectAgreement([g.dot(a, b, plain), g.dot(a, across, plain)], { float32: 1e-4 });
    }
  });
  it('elements far apart', () => {
    const random = new HostRandom(6);
    const x = randomValue(random, [37, 129]);
    expectAgreement([
      g.add(g.permute(x, [1, 0]), g.fill(1, [129, 37], 'float32')),
      g.slice(x, [1, 2], [36, 128], [3, 5]),
      g.flip(x, [0, 1]),
      g.pad(g.permute(x, [1, 0]), [1, 2], [3, 0]),
      g.mul(g.slice(x, [0, 0], [37, 128], [1, 2]), g.slice(x, [0, 1], [37, 129], [1, 2])),
    ]);
    for (const dtype of ['uint8', 'int8', 'float16', 'bool'] as const) {
      const narrow = randomValue(random, [19, 35], dtype);
      expectAgreement([
        g.cast(g.permute(narrow, [1, 0]), 'float32'),
        g.cast(g.slice(narrow, [0, 1], [19, 34], [2, 3]), 'float32'),
        g.permute(narrow, [1, 0]),
      ]);
    }
  });
});

describe('the number of threads', () => {
  const before = threadCount();
  afterAll(() => {
    setThreads(before);
  });
  it.each(cpuDevices().map((device) => [device.description, device] as const))(
    'changes no bit: %s',
    (_, device) => {
      const random = new HostRandom(8);
      const graphs = [
        [g.sum(randomValue(random, [1 << 16]), [0])],
        [g.dot(randomValue(random, [100, 70]), randomValue(random, [70, 90]), plain)],
        [g.sum(g.unary('exp', randomValue(random, [300, 257])), [0])],
        ...Array.from({ length: 6 }, (_, n) => randomGraph(n + 500, 20)),
      ];
      const bytes = (threads: number): Uint8Array[] => {
        setThreads(threads);
        const all = graphs.flatMap((outputs) => runOnCpu(outputs, device).results);
        return all.map((each: TypedArray) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength));
      };
      const one = bytes(1);
      expect(bytes(2)).toEqual(one);
      expect(bytes(4)).toEqual(one);
    },
  );
});

describe.each(nativeMachines().map((machine) => [machine.target.name, machine] as const))(
  'code over guarded memory: %s',
  (_, machine) => {
    it.each(['end', 'start'] as const)(
      'writes nothing beside its buffers, and reads nothing far from them: %s',
      (side) => {
        const random = new HostRandom(9);
        let ran = 0;
        for (const size of SIZES) {
          const x = randomValue(random, [size, 5]);
          const y = randomValue(random, [3, size]);
          const graphs = [
            [
              g.unary('exp', x),
              g.flip(x, [0, 1]),
              g.permute(x, [1, 0]),
              g.cast(x, 'float16'),
              g.cast(x, 'int32'),
            ],
            [g.sum(x, [0]), g.sum(x, [1]), g.sum(y, [1])],
            [g.dot(y, x, plain), g.dot(x, randomValue(random, [5, size]), plain)],
            [
              g.cast(randomValue(random, [size], 'uint8'), 'float32'),
              g.cast(g.unary('abs', randomValue(random, [size])), 'uint8'),
            ],
            size === 0
              ? [x]
              : [g.gather(x, value([0, size - 1, 0], [3], 'int32'), 0), g.cumsum(x, 0), g.argmax(x, 0)],
          ];
          for (const outputs of graphs) if (runGuarded(machine, outputs, side) !== undefined) ran++;
        }
        for (let seed = 0; seed < 40; seed++)
          if (runGuarded(machine, randomGraph(seed, 15), side) !== undefined) ran++;
        expect(ran).toBeGreaterThan(100);
      },
    );
  },
);
