import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { gradients } from '../../src/graph/differentiate.js';
import { expectAgreement, randomValue, value } from '../support/device-agreement.js';

const random = new HostRandom(7);
const SHAPES = [[], [1], [3], [4], [7], [33], [2, 3], [5, 8], [3, 1, 6], [2, 3, 4, 5]];

describe('element-wise primitives agree with the reference', () => {
  const unary: g.UnaryOp[] = [
    'neg',
    'abs',
    'sign',
    'floor',
    'ceil',
    'round',
    'trunc',
    'exp',
    'expm1',
    'sin',
    'cos',
    'tan',
    'atan',
    'tanh',
    'sigmoid',
    'erf',
  ];
  it.each(unary)('%s', (op) => {
    for (const shape of SHAPES)
      for (const dtype of ['float32', 'float64'] as const)
        expectAgreement([g.unary(op, randomValue(random, shape, dtype))]);
  });
  it.each(['sqrt', 'log', 'log1p'] as const)('%s of positive numbers', (op) => {
    for (const shape of SHAPES)
      for (const dtype of ['float32', 'float64'] as const)
        expectAgreement([g.unary(op, g.unary('abs', randomValue(random, shape, dtype)))]);
  });
  const binary: g.BinaryOp[] = ['add', 'sub', 'mul', 'div', 'max', 'min', 'atan2', 'eq', 'ne', 'lt', 'le'];
  it.each(binary)('%s', (op) => {
    for (const shape of SHAPES)
      for (const dtype of ['float32', 'float64'] as const)
        expectAgreement([g.binary(op, randomValue(random, shape, dtype), randomValue(random, shape, dtype))]);
  });
  it('mod and pow', () => {
    const x = randomValue(random, [41], 'float32', 30);
    const y = g.add(g.unary('abs', randomValue(random, [41])), g.fill(0.5, [41], 'float32'));
    expectAgreement([g.binary('mod', x, y), g.binary('pow', y, g.div(x, g.fill(10, [41], 'float32')))], {
      float32: 2e-5,
    });
  });
  it.each([
    'add',
    'sub',
    'mul',
    'div',
    'mod',
    'max',
    'min',
    'eq',
    'ne',
    'lt',
    'le',
    'and',
    'or',
    'xor',
  ] as const)('%s of integers', (op) => {
    for (const shape of SHAPES)
      for (const dtype of ['int32', 'uint32'] as const)
        expectAgreement([g.binary(op, randomValue(random, shape, dtype), randomValue(random, shape, dtype))]);
  });
  it.each(['shl', 'shr'] as const)('%s', (op) => {
    for (const dtype of ['int32', 'uint32'] as const)
      expectAgreement([g.binary(op, randomValue(random, [19], dtype), g.cast(g.iota(19), dtype))]);
  });
  it.each(['and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'max', 'min'] as const)('%s of bool', (op) => {
    for (const shape of SHAPES)
      expectAgreement([g.binary(op, randomValue(random, shape, 'bool'), randomValue(random, shape, 'bool'))]);
  });
  it('not, neg, abs and sign of integers and bool', () => {
    for (const dtype of ['int32', 'uint32'] as const) {
      const x = randomValue(random, [23], dtype);
      expectAgreement([g.unary('not', x), g.neg(x), g.unary('abs', x), g.unary('sign', x)]);
    }
    expectAgreement([g.unary('not', randomValue(random, [23], 'bool'))]);
  });
  it('where', () => {
    for (const shape of SHAPES)
      expectAgreement([
        g.where(randomValue(random, shape, 'bool'), randomValue(random, shape), randomValue(random, shape)),
      ]);
  });
  const dtypes = [
    'float32',
    'float64',
    'int32',
    'uint32',
    'bool',
    'uint8',
    'int8',
    'float16',
    'bfloat16',
  ] as const;
  it.each(dtypes)('cast from %s to everything', (from) => {
    for (const to of dtypes)
      for (const shape of [[21], [3, 5]]) expectAgreement([g.cast(randomValue(random, shape, from), to)]);
  });
  it('bitcast', () => {
    expectAgreement([
      g.bitcast(randomValue(random, [9]), 'int32'),
      g.bitcast(randomValue(random, [9]), 'uint32'),
    ]);
  });
  it('special values go through', () => {
    const x = value([NaN, Infinity, -Infinity, 0, -0, 1e-40, 3e38, -3e38, 1], [9]);
    expectAgreement(
      (['neg', 'abs', 'sign', 'floor', 'exp', 'tanh', 'sigmoid', 'erf', 'log'] as const).map((op) =>
        g.unary(op, x),
      ),
    );
    expectAgreement(
      (['add', 'mul', 'max', 'min', 'eq', 'lt'] as const).map((op) => g.binary(op, x, g.flip(x, [0]))),
    );
  });
});

describe('movement agrees with the reference', () => {
  const x = randomValue(random, [4, 6, 5]);
  const cases: [string, Node][] = [
    ['reshape', g.reshape(x, [8, 15])],
    ['reshape of permuted', g.reshape(g.permute(x, [2, 0, 1]), [10, 12])],
    ['permute', g.permute(x, [1, 2, 0])],
    ['expand', g.expand(g.reshape(x, [4, 6, 1, 5]), [4, 6, 3, 5])],
    ['pad', g.pad(x, [1, 0, 2], [0, 3, 1])],
    ['pad between', g.pad(x, [0, 1, 2], [1, 0, 0], [0, 2, 1], -1.5)],
    ['slice', g.slice(x, [1, 0, 1], [3, 6, 5], [1, 2, 3])],
    ['flip', g.flip(x, [0, 2])],
    ['concat', g.concat([x, g.neg(x), g.slice(x, [0, 0, 0], [4, 2, 5])], 1)],
    ['concat of the last axis', g.concat([x, g.neg(x)], 2)],
    ['window', g.windows(x, 1, 3, 2, 1)],
    ['window spread', g.windows(g.windows(x, 1, 2, 1, 3), 3, 2, 3, 1)],
    [
      'a chain',
      g.flip(g.pad(g.permute(g.slice(x, [0, 1, 0], [4, 5, 5]), [2, 1, 0]), [1, 1, 1], [1, 1, 1]), [1]),
    ],
    [
      'padding of padding',
      g.pad(g.pad(x, [1, 1, 1], [1, 1, 1], undefined, 2), [1, 1, 1], [2, 0, 2], [1, 0, 0]),
    ],
  ];
  it.each(cases)('%s', (_, node) => {
    expectAgreement([node]);
  });
  it.each(cases)('%s, then arithmetic', (_, node) => {
    expectAgreement([g.mul(g.unary('exp', node), g.add(node, node))], { float32: 1e-4 });
  });
  it.each(cases)('the gradient of %s', (_, node) => {
    const loss = g.sum(
      g.mul(node, g.unary('sin', node)),
      node.shape.map((_, axis) => axis),
    );
    expectAgreement([gradients(loss, [x])[0] as Node], { float32: 1e-4 });
  });
});

describe('reductions agree with the reference', () => {
  const AXES: [number[], number[]][] = [
    [[], []],
    [[5], [0]],
    [[4, 9], [1]],
    [[9, 4], [0]],
    [
      [3, 4, 6],
      [0, 2],
    ],
    [[3, 4, 6], [1]],
    [
      [2, 40, 3],
      [0, 1, 2],
    ],
    [[70, 3], [0]],
    [[3, 70], [1]],
    [[1000], [0]],
  ];
  it.each(['sum', 'prod', 'reduceMax', 'reduceMin'] as const)('%s', (op) => {
    for (const [shape, axes] of AXES) {
      for (const dtype of ['float32', 'float64', 'int32', 'uint32'] as const) {
        if (op === 'prod' && dtype !== 'float64') continue;
        expectAgreement([g.reduce(op, randomValue(random, shape, dtype, op === 'prod' ? 1.2 : 2), axes)]);
      }
    }
  });
  it('max and min of bool', () => {
    for (const [shape, axes] of AXES)
      expectAgreement([
        g.reduce('reduceMax', randomValue(random, shape, 'bool'), axes),
        g.reduce('reduceMin', randomValue(random, shape, 'bool'), axes),
      ]);
  });
  it.each(['argmax', 'argmin'] as const)('%s, ties included', (op) => {
    for (const shape of [[6], [5, 7], [7, 5], [3, 4, 8]]) {
      for (let axis = 0; axis < shape.length; axis++) {
        for (const dtype of ['float32', 'int32', 'float64', 'bool'] as const) {
          const x = randomValue(random, shape, dtype);
          const tied = dtype === 'bool' ? x : g.cast(g.cast(x, 'int32'), dtype);
          expectAgreement([op === 'argmax' ? g.argmax(tied, axis) : g.argmin(tied, axis)]);
        }
      }
    }
  });
  it('NaN wins', () => {
    const x = value([1, NaN, 3, NaN, 5, 6], [2, 3]);
    expectAgreement([g.reduce('reduceMax', x, [1]), g.argmax(x, 1), g.argmin(x, 0), g.sum(x, [0])]);
  });
  it.each(['reduceMax', 'reduceMin'] as const)(
    '%s of what is computed: its gradient finds the element',
    (op) => {
      const x = randomValue(random, [40, 6]);
      const bias = randomValue(random, [6]);
      // Two functions multiplied share a division where neither is used by itself; in their gradients they are.
      const shifted = g.add(x, g.expand(g.reshape(bias, [1, 6]), [40, 6]));
      const product = g.mul(g.unary('tanh', shifted), g.unary('tanh', g.unary('abs', x)));
      const extreme = g.reduce(op, g.unary('tanh', product), [1]);
      const some = g.slice(g.expand(g.reshape(extreme, [40, 1]), [40, 6]), [0, 1], [40, 5], [1, 1]);
      const loss = g.sum(some, [0, 1]);
      expectAgreement([loss, ...(gradients(loss, [x, bias]) as Node[])], { float32: 1e-4 });
    },
  );
  it('of nothing, with gradients', () => {
    for (const shape of [
      [3, 0],
      [0, 3],
    ]) {
      const x = randomValue(random, shape);
      const y = g.reduce('prod', g.unary('sin', x), [0, 1]);
      const z = g.sum(g.mul(x, x), [1]);
      const loss = g.add(g.mul(y, y), g.sum(z, [0]));
      expectAgreement([y, z, loss, gradients(loss, [x])[0] as Node]);
    }
  });
  it('long sums are shared by threads and stay accurate', () => {
    expectAgreement(
      [
        g.sum(randomValue(random, [1 << 17]), [0]),
        g.reduce('reduceMax', randomValue(random, [64, 4096]), [0, 1]),
      ],
      { float32: 1e-3 },
    );
  });
});

describe('contractions agree with the reference', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [4, 4, 4],
    [8, 8, 8],
    [17, 19, 23],
    [64, 10, 100],
    [6, 65, 30],
    [128, 33, 9],
  ])('a %i x %i by inner %i product', (m, n, k) => {
    const a = randomValue(random, [m, k]);
    const b = randomValue(random, [k, n]);
    const at = g.permute(randomValue(random, [k, m]), [1, 0]);
    const bt = g.permute(randomValue(random, [n, k]), [1, 0]);
    const plain = { batchA: [], batchB: [], contractA: [1], contractB: [0] };
    for (const [x, y] of [
      [a, b],
      [at, b],
      [a, bt],
      [at, bt],
    ] as const)
      expectAgreement([g.dot(x, y, plain)], { float32: 1e-4 });
  });
  it('batches', () => {
    const a = randomValue(random, [3, 5, 6, 8]);
    const b = randomValue(random, [3, 5, 8, 9]);
    expectAgreement([g.dot(a, b, { batchA: [0, 1], batchB: [0, 1], contractA: [3], contractB: [2] })], {
      float32: 1e-4,
    });
  });
  it.each(['float64', 'int32'] as const)('%s', (dtype) => {
    expectAgreement([
      g.dot(randomValue(random, [6, 7], dtype), randomValue(random, [7, 9], dtype), {
        batchA: [],
        batchB: [],
        contractA: [1],
        contractB: [0],
      }),
    ]);
  });
  it('bias and activation go along', () => {
    const product = g.dot(randomValue(random, [16, 20]), randomValue(random, [24, 20]), {
      batchA: [],
      batchB: [],
      contractA: [1],
      contractB: [1],
    });
    const biased = g.add(product, g.expand(g.reshape(randomValue(random, [24]), [1, 24]), [16, 24]));
    const program = expectAgreement([g.binary('max', biased, g.fillLike(biased, 0))], { float32: 1e-4 });
    expect(program.compiled.code.kernels).toHaveLength(1);
  });
  const CONVS: [string, number[], number[], Partial<Parameters<typeof g.conv>[2]>][] = [
    ['plain 2d', [2, 3, 8, 9], [8, 3, 3, 3], {}],
    [
      'padding',
      [2, 3, 8, 9],
      [8, 3, 3, 3],
      {
        padding: [
          [1, 1],
          [2, 0],
        ],
      },
    ],
    [
      'stride',
      [2, 4, 9, 9],
      [8, 4, 3, 3],
      {
        stride: [2, 2],
        padding: [
          [1, 1],
          [1, 1],
        ],
      },
    ],
    ['dilation', [1, 2, 11, 10], [4, 2, 3, 3], { dilation: [2, 3] }],
    [
      'spread input',
      [2, 4, 5, 5],
      [4, 4, 3, 3],
      {
        inputDilation: [2, 2],
        padding: [
          [2, 2],
          [1, 2],
        ],
      },
    ],
    ['groups', [2, 8, 7, 7], [8, 4, 3, 3], { groups: 2 }],
    [
      'depthwise',
      [2, 6, 7, 7],
      [6, 1, 3, 3],
      {
        groups: 6,
        padding: [
          [1, 1],
          [1, 1],
        ],
      },
    ],
    ['one channel', [3, 1, 12, 12], [8, 1, 5, 5], {}],
    ['one by one', [2, 5, 6, 6], [7, 5, 1, 1], {}],
    [
      'cropping',
      [1, 4, 9, 9],
      [4, 4, 3, 3],
      {
        padding: [
          [-1, 0],
          [0, -2],
        ],
      },
    ],
  ];
  it.each(CONVS)('conv: %s, with gradients', (_, xShape, wShape, attributes) => {
    const x = randomValue(random, xShape);
    const w = randomValue(random, wShape);
    const y = g.conv(x, w, {
      stride: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      inputDilation: [1, 1],
      groups: 1,
      ...attributes,
    });
    const loss = g.sum(g.mul(y, g.unary('sin', y)), [0, 1, 2, 3]);
    const [dx, dw] = gradients(loss, [x, w]) as [Node, Node];
    expectAgreement([y], { float32: 1e-4 });
    expectAgreement([y, dx, dw], { float32: 2e-3 });
  });
  it('conv 1d and 3d, and float64', () => {
    expectAgreement(
      [
        g.conv(randomValue(random, [2, 4, 20]), randomValue(random, [6, 4, 5]), {
          stride: [2],
          padding: [[2, 2]],
          dilation: [1],
          inputDilation: [1],
          groups: 1,
        }),
      ],
      { float32: 1e-4 },
    );
    const cube = {
      stride: [1, 1, 1],
      padding: [
        [0, 0],
        [1, 1],
        [0, 0],
      ] as const,
      dilation: [1, 1, 1],
      inputDilation: [1, 1, 1],
      groups: 1,
    };
    for (const dtype of ['float32', 'float64'] as const)
      expectAgreement(
        [
          g.conv(
            randomValue(random, [2, 4, 5, 6, 7], dtype),
            randomValue(random, [5, 4, 2, 3, 3], dtype),
            cube,
          ),
        ],
        { float32: 1e-4 },
      );
  });
});

describe('data-dependent indexing agrees with the reference', () => {
  const indices = value([3, 0, 9, 3, -2, 5], [2, 3], 'int32');
  it('gather along each axis', () => {
    const x = randomValue(random, [6, 7, 8]);
    for (let axis = 0; axis < 3; axis++) expectAgreement([g.gather(x, indices, axis)]);
  });
  it('gather from several tables side by side, of which each has its own part of the indices', () => {
    const x = randomValue(random, [4, 6]);
    const windows = g.windows(x, 0, 2, 1, 1);
    const tables = g.concat([windows, g.unary('tanh', windows)], 0);
    const rows = g.gather(tables, value([0, 2, 1, 3, 3, 5], [6], 'int32'), 0);
    // The second result keeps the loops in the order in which an index is one number for all lanes.
    const other = g.windows(g.pad(g.flip(x, [1]), [1, 0], [2, 0]), 0, 2, 1, 1);
    expectAgreement([g.permute(g.unary('neg', rows), [1, 2, 0]), g.permute(other, [1, 2, 0])]);
  });
  it('gather of something computed, and by something computed', () => {
    const x = randomValue(random, [6, 8]);
    expectAgreement([
      g.gather(
        g.unary('exp', x),
        g.binary('mod', g.binary('mul', indices, indices), g.fillLike(indices, 6)),
        0,
      ),
    ]);
  });
  it('scatterAdd along each axis', () => {
    for (let axis = 0; axis < 2; axis++) {
      const shape = axis === 0 ? [2, 3, 9] : [4, 2, 3, 5];
      expectAgreement([g.scatterAdd(indices, randomValue(random, shape), axis, 7)], { float32: 1e-5 });
    }
  });
  it('cumsum', () => {
    for (const dtype of ['float32', 'float64', 'int32'] as const)
      for (let axis = 0; axis < 3; axis++)
        expectAgreement([g.cumsum(randomValue(random, [3, 6, 9], dtype), axis)]);
  });
  it('argsort', () => {
    for (const dtype of ['float32', 'float64', 'int32', 'uint32', 'bool'] as const) {
      for (let axis = 0; axis < 3; axis++) {
        for (const descending of [false, true])
          expectAgreement([g.argsort(randomValue(random, [3, 17, 5], dtype), axis, descending)]);
      }
    }
  });
  it('random bits', () => {
    const key = value([5, 9], [2], 'uint32');
    for (const shape of SHAPES) expectAgreement([g.random(key, shape)]);
  });
  it('iota', () => {
    expectAgreement([g.cast(g.iota(37), 'float32'), g.binary('mul', g.iota(6), g.iota(6))]);
  });
});
