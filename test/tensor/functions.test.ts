/** What PyTorch's results do not cover: dtypes, edges, errors, text. */
import { describe, expect, test } from 'vitest';
import {
  arange,
  cast,
  compile,
  concat,
  einsum,
  full,
  grad,
  index,
  linspace,
  ones,
  Parameter,
  ShapeError,
  slice,
  split,
  tensor,
  TensorloomError,
  text,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { conv2d, convTranspose2d, maxPool2d } from '../../src/tensor/index.js';

const ints = (...values: number[]): Tensor => tensor(values, { dtype: 'int32' });

describe('creation', () => {
  test('nested arrays give shape and dtype', async () => {
    const x = tensor([[true, false]]);
    expect([x.shape, x.dtype]).toEqual([[1, 2], 'bool']);
    expect(await x.array()).toEqual([[true, false]]);
    expect(tensor(5).shape).toEqual([]);
    expect(tensor([]).shape).toEqual([0]);
  });
  test('typed arrays are taken as they are where that is wanted, and their elements of the right dtype', async () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data, { copy: false });
    expect(x.dataSync()).toBe(data);
    expect(await x.mul(2).array()).toEqual([2, 4]);
    expect(tensor(data, { copy: false, dtype: 'int32' }).dataSync()).toEqual(Int32Array.of(1, 2));
    expect(tensor(Uint8Array.of(0, 7), { copy: false, dtype: 'bool' }).dataSync()).toEqual(
      Uint8Array.of(0, 1),
    );
  });
  test('typed arrays keep their dtype, and are copied', async () => {
    const data = Int32Array.of(1, 2, 3, 4);
    const x = tensor(data, { shape: [2, 2] });
    data[0] = 9;
    expect([x.dtype, await x.array()]).toEqual([
      'int32',
      [
        [1, 2],
        [3, 4],
      ],
    ]);
  });
  test.each<[DType, number[]]>([
    ['float64', [1.1, -2]],
    ['float32', [1.5, -2]],
    ['float16', [1.5, -2]],
    ['bfloat16', [1.5, -2]],
    ['int32', [7, -2]],
    ['uint32', [7, 4294967295]],
    ['uint8', [7, 255]],
    ['int8', [7, -128]],
    ['bool', [0, 1]],
  ])('%s holds its values', async (dtype, values) => {
    expect(await tensor(values, { dtype }).array1d()).toEqual(values);
  });
  test('raw bits of halves', async () => {
    expect(await tensor(Uint16Array.of(0x3c00), { dtype: 'float16' }).array()).toEqual([1]);
    expect(await tensor(Uint16Array.of(0x3f80), { dtype: 'bfloat16' }).array()).toEqual([1]);
    expect(() => tensor(Uint16Array.of(0))).toThrow(/float16 or bfloat16/);
  });
  test('ranges', async () => {
    expect(arange(3).dtype).toBe('int32');
    expect(await arange(5, 0, -2).array()).toEqual([5, 3, 1]);
    expect(await arange(3, 1).array()).toEqual([]);
    expect(arange(0, 1, 0.5).dtype).toBe('float32');
    expect(await linspace(1, 2, 1).array()).toEqual([1]);
    expect(await full([2], 3, { dtype: 'uint8' }).array()).toEqual([3, 3]);
  });
});

describe('dtypes', () => {
  test.each<[string, () => Tensor, DType, number[]]>([
    ['uint8 wraps', () => tensor([250], { dtype: 'uint8' }).add(10), 'uint8', [4]],
    [
      'int8 with uint8 gives int32',
      () => tensor([1], { dtype: 'int8' }).add(tensor([2], { dtype: 'uint8' })),
      'int32',
      [3],
    ],
    ['integers with a fraction give float32', () => ints(3).mul(0.5), 'float32', [1.5]],
    ['integers divide to float32', () => ints(7).div(2), 'float32', [3.5]],
    ['integers keep to integers', () => ints(7).mul(2).add(1), 'int32', [15]],
    ['integers raised to a power are exact', () => ints(7).pow(10), 'int32', [282475249]],
    ['bool with a number gives int32', () => tensor([true]).add(1), 'int32', [2]],
    ['float16 stays', () => tensor([1.5], { dtype: 'float16' }).exp(), 'float16', [4.48046875]],
    [
      'float16 with float32 gives float32',
      () => tensor([1], { dtype: 'float16' }).add(ones([1])),
      'float32',
      [2],
    ],
    ['float64 stays', () => tensor([2], { dtype: 'float64' }).sqrt(), 'float64', [Math.SQRT2]],
    ['functions of integers give float32', () => ints(0).exp(), 'float32', [1]],
    ['the mean of integers is float32', () => ints(1, 2).mean(), 'float32', [1.5]],
    [
      'small integers are summed as int32',
      () => tensor([200, 100], { dtype: 'uint8' }).sum(),
      'int32',
      [300],
    ],
    ['the largest keeps the dtype', () => tensor([3, 200], { dtype: 'uint8' }).max(), 'uint8', [200]],
    [
      'comparison of small integers with any number',
      () => tensor([3], { dtype: 'uint8' }).gt(-1),
      'bool',
      [1],
    ],
    [
      'matmul of uint8 with float32',
      () => tensor([[2]], { dtype: 'uint8' }).matmul(full([1, 1], 0.5)),
      'float32',
      [1],
    ],
    ['concat promotes', () => concat([ints(1), ones([1])]), 'float32', [1, 1]],
    ['casts of floats truncate', () => cast(tensor([-1.9, 300.5]), 'int32'), 'int32', [-1, 300]],
    ['relu of float16', () => tensor([-1, 2], { dtype: 'float16' }).relu(), 'float16', [0, 2]],
  ])('%s', async (_, make, dtype, expected) => {
    const x = make();
    expect([x.dtype, await x.array1d()]).toEqual([dtype, expected]);
  });
  test('gradients have the dtype of what they belong to', async () => {
    const x = tensor([1, 2], { dtype: 'float16' });
    const slope = grad(x.square().sum(), x);
    expect([slope.dtype, await slope.array1d()]).toEqual(['float16', [2, 4]]);
  });
});

describe('special values', () => {
  const special = tensor([NaN, Infinity, -Infinity, 1]);
  test.each<[string, () => Tensor, unknown[]]>([
    ['isNaN', () => special.isNaN(), [true, false, false, false]],
    ['isFinite', () => special.isFinite(), [false, false, false, true]],
    ['isInf', () => special.isInf(), [false, true, true, false]],
    ['clip keeps NaN', () => special.clip(-1, 0.5), [NaN, 0.5, -1, 0.5]],
    ['relu keeps NaN', () => special.relu(), [NaN, Infinity, 0, 1]],
    ['softplus', () => tensor([-1000, 1000]).softplus(), [0, 1000]],
    ['logSumExp of nothing but -∞', () => full([1, 2], -Infinity).logSumExp(1), [-Infinity]],
    ['softmax of large numbers', () => tensor([1000, 1000]).softmax(), [0.5, 0.5]],
    ['sort puts NaN last', () => tensor([2, NaN, 1]).sort(), [1, 2, NaN]],
    ['argmax of NaN', () => tensor([[2, NaN, 3]]).argmax(1), [1]],
    ['the sum of nothing', () => zeros([0]).sum().reshape([1]), [0]],
  ])('%s', async (_, make, expected) => {
    expect(await make().array()).toEqual(expected);
  });
  test('gradients at kinks and edges are finite', async () => {
    const x = tensor([0, 1000, -1000]);
    for (const f of [
      (y: Tensor) => y.softplus(),
      (y: Tensor) => y.elu(),
      (y: Tensor) => y.gelu(),
      (y: Tensor) => y.mish(),
      (y: Tensor) => y.norm(),
      (y: Tensor) => y.logAddExp(0),
      (y: Tensor) => y.logSoftmax(),
    ])
      expect((await grad(f(x).sum(), x).array1d()).every(Number.isFinite)).toBe(true);
  });
});

describe('slice follows Python', () => {
  const x = arange(6);
  test.each<[readonly (number | null)[], number[]]>([
    [
      [1, 3],
      [1, 2],
    ],
    [[-2], [4, 5]],
    [
      [null, -4],
      [0, 1],
    ],
    [
      [0, 100],
      [0, 1, 2, 3, 4, 5],
    ],
    [[4, 2], []],
    [
      [null, null, 4],
      [0, 4],
    ],
    [
      [null, null, -1],
      [5, 4, 3, 2, 1, 0],
    ],
    [
      [4, 0, -2],
      [4, 2],
    ],
    [
      [4, null, -2],
      [4, 2, 0],
    ],
    [
      [-1, -100, -3],
      [5, 2],
    ],
    [[0, 3, -1], []],
  ])('[%s]', async (range, expected) => {
    expect(await x.slice(range).array()).toEqual(expected);
  });
  test('and its gradient goes back where it came from', async () => {
    const y = tensor([1, 2, 3, 4]);
    expect(
      await grad(
        y
          .slice([null, null, -2])
          .mul(tensor([10, 20]))
          .sum(),
        y,
      ).array(),
    ).toEqual([0, 20, 0, 10]);
  });
  test('negative indices in tensors count from the end', async () => {
    expect(await x.take(ints(-1, 0)).array()).toEqual([5, 0]);
    expect(await x.index([-1]).array()).toEqual([5]);
  });
});

describe('plain numbers', () => {
  test('are no part of the program, exponents are', async () => {
    const x = ones([3]);
    const { node } = x.mul(0.1);
    expect(
      node.inputs.some((each) => each.op === 'expand' && each.inputs[0]?.inputs[0]?.op === 'scalar'),
    ).toBe(true);
    expect(await x.pow(2.5).array()).toEqual([1, 1, 1]);
  });
  test('become cells that a compiled function reads', async () => {
    const f = compile((x: Tensor) => x.mul(3).clip(0, 4).pow(2));
    expect(await f(tensor([1, 2])).array()).toEqual([9, 16]);
  });
});

describe('methods', () => {
  test('exist on parameters as well', async () => {
    const p = new Parameter(tensor([1, 2]));
    p.mul(p).sum().backward();
    expect(await p.grad?.array()).toEqual([2, 4]);
  });
});

describe('text', () => {
  const cases: readonly [string, Tensor, string][] = [
    ['a scalar', tensor(2.5), 'Tensor(2.5, shape=[], dtype=float32)'],
    ['integers, aligned', ints(1, -20), 'Tensor([  1, -20], shape=[2], dtype=int32)'],
    ['whole floats', tensor([1, 2]), 'Tensor([1., 2.], shape=[2], dtype=float32)'],
    ['fractions', tensor([0.5, 1 / 3]), 'Tensor([0.5000, 0.3333], shape=[2], dtype=float32)'],
    [
      'large and small',
      tensor([1e-6, 1], { dtype: 'float64' }),
      'Tensor([1.0000e-6, 1.0000e+0], shape=[2], dtype=float64)',
    ],
    ['special values', tensor([NaN, -Infinity, 1.5]), 'Tensor([ nan, -inf,  1.5], shape=[3], dtype=float32)'],
    ['truth', tensor([true, false]), 'Tensor([ true, false], shape=[2], dtype=bool)'],
    ['nothing', zeros([0]), 'Tensor([], shape=[0], dtype=float32)'],
    [
      'matrices, with an empty line between',
      arange(8).reshape([2, 2, 2]),
      'Tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]], shape=[2, 2, 2], dtype=int32)',
    ],
  ];
  test.each(cases)('%s', async (_, x, expected) => {
    expect(await text(x)).toBe(expected);
  });
  test('is abridged when long', async () => {
    expect(await text(arange(2000))).toBe(
      'Tensor([   0,    1,    2, …, 1997, 1998, 1999], shape=[2000], dtype=int32)',
    );
  });
});

describe('errors name the operation, the shapes and the way out', () => {
  const cases: readonly [string, () => unknown, RegExp][] = [
    [
      'add',
      () => zeros([2, 3] as number[]).add(zeros([4])),
      /add: shapes \[2, 3\] and \[4\] do not broadcast.*\n.*reshape/s,
    ],
    [
      'matmul',
      () => zeros([2, 3] as number[]).matmul(zeros([4, 5])),
      /matmul: \[2, 3\] and \[4, 5\] do not multiply: 3 columns meet 4 rows\n.*transpose/,
    ],
    [
      'matmul of batches',
      () => zeros([2, 1, 3] as number[]).matmul(zeros([4, 3, 1])),
      /matmul of \[2, 1, 3\] and \[4, 3, 1\]/,
    ],
    [
      'reshape',
      () => zeros([2, 3]).reshape([4]),
      /reshape: \[2, 3\] has 6 elements, which do not fill \[4\]/,
    ],
    ['reshape, two open', () => zeros([4]).reshape([-1, -1]), /leaves 2 sizes open/],
    ['sum', () => zeros([2]).sum(1), /sum: axis 1 is out of range for a tensor of rank 1/],
    [
      'max of nothing',
      () => zeros([0, 2]).max(0),
      /max: there is nothing to compare along axes \[0\] of shape \[0, 2\]/,
    ],
    ['concat', () => concat([zeros([2, 3] as number[]), zeros([2, 4])]), /concat: shapes \[2, 3\], \[2, 4\]/],
    ['squeeze', () => zeros([2, 1]).squeeze(0), /squeeze: axis 0 of \[2, 1\] has size 2/],
    [
      'permute',
      () => zeros([2, 3]).permute([0, 0]),
      /permute: \[0, 0\] does not name each axis of \[2, 3\] once/,
    ],
    ['expand', () => zeros([2] as number[]).expand([3]), /expand: \[2\] does not stretch to \[3\]/],
    ['split', () => split(zeros([5]), [2, 2]), /split: parts of \[2, 2\] do not add up to the 5 elements/],
    ['slice', () => slice(zeros([2]), 5), /slice: position 5 does not exist along axis 0, which has 2/],
    ['index by floats', () => index(zeros([2]), ones([1])), /index: indices must be integers, got float32/],
    ['index by a mask', () => index(zeros([2]), tensor([true, false])), /where\(mask, x, 0\)/],
    [
      'tensor, ragged',
      () => tensor([[1, 2], [3]]),
      /tensor: the nested arrays are ragged: 1 elements at depth 1/,
    ],
    [
      'tensor, wrong shape',
      () => tensor([1, 2, 3], { shape: [2, 2] }),
      /3 values do not fill shape \[2, 2\], which holds 4/,
    ],
    [
      'conv2d, channels',
      () => conv2d(zeros([1, 2, 4, 4]), zeros([3, 1, 2, 2])),
      /\[1, 2, 4, 4\] and weight \[3, 1, 2, 2\]/,
    ],
    ['conv2d, kernel too large', () => conv2d(zeros([1, 1, 2, 2]), zeros([1, 1, 3, 3])), /does not fit/],
    [
      'conv2d, bias',
      () => conv2d(zeros([1, 1, 2, 2]), zeros([2, 1, 1, 1]), zeros([3])),
      /bias of shape \[3\] for 2 output channels/,
    ],
    [
      'conv2d, stride',
      () => conv2d(zeros([1, 1, 2, 2]), zeros([1, 1, 1, 1]), undefined, { stride: 0 }),
      /conv2d: stride is 0/,
    ],
    [
      'convTranspose2d',
      () => convTranspose2d(zeros([1, 2, 2, 2]), zeros([3, 1, 1, 1])),
      /convTranspose2d: input \[1, 2, 2, 2\] and weight \[3, 1, 1, 1\]/,
    ],
    [
      'maxPool2d',
      () => maxPool2d(zeros([1, 1, 2, 2]), 3),
      /maxPool2d: a window of 3 does not fit into axis 2 of \[1, 1, 2, 2\]/,
    ],
    [
      'einsum, sizes',
      () => einsum('ij,jk', zeros([2, 3]), zeros([4, 5])),
      /'j' of 'ij,jk' has size 3 in one operand and 4 in another/,
    ],
    ['einsum, terms', () => einsum('ij,jk', zeros([2, 3])), /has 2 terms for 1 operands/],
    [
      'einsum, rank',
      () => einsum('ijk->i', zeros([2, 3])),
      /'ijk' of 'ijk->i' names 3 axes, its operand has 2/,
    ],
    [
      'interpolate',
      () => zeros([2, 3]).interpolate({ size: 2 }),
      /interpolate: \[2, 3\] has no spatial axes/,
    ],
    [
      'layerNorm',
      () => zeros([2, 3]).layerNorm({ weight: ones([2]) }),
      /layerNorm: a parameter of shape \[2\] for axes \[1\] of \[2, 3\]/,
    ],
    ['topK', () => zeros([3]).topK(4), /topK: cannot take 4 of the 3 elements/],
    ['grad of a vector', () => grad(zeros([2]), zeros([2])), /must be a single number, got shape \[2\]/],
    ['bitcast', () => zeros([2]).bitcast('uint8'), /bitcast: float32 has 4 bytes/],
  ];
  test.each(cases)('%s', (_, run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(TensorloomError);
  });
  test('a ShapeError is one to catch', () => {
    expect(() => zeros([2]).reshape([3])).toThrow(ShapeError);
  });
});

describe('edges', () => {
  test('a negative bound of unsigned numbers is 0', async () => {
    const x = tensor([0, 1, 5], { dtype: 'uint32' });
    expect(await x.clip(-1, 2).array()).toEqual([0, 1, 2]);
  });
  test('empty tensors join to an empty one', async () => {
    const joined = concat([zeros([3, 0]), zeros([3, 0])], 1);
    expect(joined.shape).toEqual([3, 0]);
    expect((await joined.data()).length).toBe(0);
  });
});
