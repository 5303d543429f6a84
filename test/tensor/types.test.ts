/** What the type checker knows of shapes. The assertions are made by the compiler; running the file proves little more. */
import { describe, expectTypeOf, test } from 'vitest';
import {
  arange,
  concat,
  eye,
  grad,
  matmul,
  ones,
  Parameter,
  random,
  scan,
  tensor,
  valueAndGrad,
  vmap,
  where,
  zeros,
  type Shape,
  type Tensor,
} from '../../src/index.js';
import type { Broadcast, Concat, MatMul, Reduce, ShapeMismatch } from '../../src/core/shape-types.js';

const anything: Tensor = zeros([3, 3]);
const batch: Tensor<[number, 784]> = zeros([5, 784]);

describe('shapes are inferred', () => {
  test('by creation', () => {
    expectTypeOf(zeros([2, 3])).toEqualTypeOf<Tensor<[2, 3]>>();
    expectTypeOf(ones([])).toEqualTypeOf<Tensor<[]>>();
    expectTypeOf(zeros([2, 3] as number[])).toEqualTypeOf<Tensor>();
    expectTypeOf(tensor([[1, 2]])).toEqualTypeOf<Tensor>();
    expectTypeOf(tensor([1, 2, 3, 4], { shape: [2, 2] })).toEqualTypeOf<Tensor<[2, 2]>>();
    expectTypeOf(eye(3)).toEqualTypeOf<Tensor<[3, 3]>>();
    expectTypeOf(arange(4)).toEqualTypeOf<Tensor<[number]>>();
    expectTypeOf(random.normal([4, 2])).toEqualTypeOf<Tensor<[4, 2]>>();
  });
  test('by element-wise functions', () => {
    expectTypeOf(zeros([2, 3]).exp()).toEqualTypeOf<Tensor<[2, 3]>>();
    expectTypeOf(zeros([2, 3]).mul(2)).toEqualTypeOf<Tensor<[2, 3]>>();
    expectTypeOf(zeros([2, 3]).add(zeros([3]))).toEqualTypeOf<Tensor<[2, 3]>>();
    expectTypeOf(zeros([2, 1]).add(zeros([4, 1, 3]))).toEqualTypeOf<Tensor<[4, 2, 3]>>();
    expectTypeOf(batch.add(zeros([784]))).toEqualTypeOf<Tensor<[number, 784]>>();
    expectTypeOf(where(zeros([2]).gt(0), 1, zeros([3, 1]))).toEqualTypeOf<Tensor<[3, 2]>>();
  });
  test('by matrix products', () => {
    expectTypeOf(zeros([2, 3]).matmul(zeros([3, 4]))).toEqualTypeOf<Tensor<[2, 4]>>();
    expectTypeOf(matmul(batch, zeros([784, 10]))).toEqualTypeOf<Tensor<[number, 10]>>();
    expectTypeOf(zeros([5, 2, 3]).matmul(zeros([3]))).toEqualTypeOf<Tensor<[5, 2]>>();
    expectTypeOf(zeros([3]).matmul(zeros([3]))).toEqualTypeOf<Tensor<[]>>();
    expectTypeOf(zeros([5, 1, 2, 3]).matmul(zeros([4, 3, 2]))).toEqualTypeOf<Tensor<[5, 4, 2, 2]>>();
  });
  test('by reductions', () => {
    expectTypeOf(zeros([2, 3]).sum()).toEqualTypeOf<Tensor<[]>>();
    expectTypeOf(zeros([2, 3]).mean(0)).toEqualTypeOf<Tensor<[3]>>();
    expectTypeOf(zeros([2, 3]).max(-1)).toEqualTypeOf<Tensor<[2]>>();
    expectTypeOf(zeros([2, 3, 4]).sum([0, -1])).toEqualTypeOf<Tensor<[3]>>();
    expectTypeOf(zeros([2, 3]).var(1, { keepDims: true })).toEqualTypeOf<Tensor<[2, 1]>>();
    expectTypeOf(zeros([2, 3]).argmax(1)).toEqualTypeOf<Tensor<[2]>>();
    expectTypeOf(anything.sum()).toEqualTypeOf<Tensor<[]>>();
    expectTypeOf(anything.sum(0)).toEqualTypeOf<Tensor>();
  });
  test('by movement', () => {
    expectTypeOf(zeros([2, 3]).reshape([3, -1])).toEqualTypeOf<Tensor<[3, number]>>();
    expectTypeOf(zeros([2, 3]).transpose()).toEqualTypeOf<Tensor<[3, 2]>>();
    expectTypeOf(zeros([2, 3, 4]).permute([2, 0, -2])).toEqualTypeOf<Tensor<[4, 2, 3]>>();
    expectTypeOf(zeros([3, 1]).expand([2, 3, 4])).toEqualTypeOf<Tensor<[2, 3, 4]>>();
    expectTypeOf(concat([zeros([2, 3]), zeros([2, 5])], 1)).toEqualTypeOf<Tensor<[2, number]>>();
    expectTypeOf(concat([zeros([2, 3]), zeros([5, 3])])).toEqualTypeOf<Tensor<[number, 3]>>();
  });
  test('for parameters too', () => {
    const weight = new Parameter(zeros([3, 4]));
    expectTypeOf(zeros([2, 3]).matmul(weight)).toEqualTypeOf<Tensor<[2, 4]>>();
    expectTypeOf(weight.mul(2)).toEqualTypeOf<Tensor<[3, 4]>>();
    expectTypeOf(grad(weight.sum(), [weight])[0]).toEqualTypeOf<Tensor | undefined>();
  });
});

describe('shapes that do not fit are compile errors', () => {
  test('in broadcasting', () => {
    // @ts-expect-error -- 3 meets 4
    const wrong = (): Tensor => zeros([2, 3]).add(zeros([4]));
    expectTypeOf(wrong).toBeFunction();
    // @ts-expect-error -- 2 meets 3
    const alsoWrong = (): Tensor => zeros([2, 3]).expand([3, 3]);
    expectTypeOf(alsoWrong).toBeFunction();
  });
  test('in matrix products, with the reason', () => {
    // @ts-expect-error -- 3 columns, 4 rows
    const wrong = (): Tensor => zeros([2, 3]).matmul(zeros([4, 5]));
    type Second = Parameters<typeof matmul<[2, 3], [4, 5]>>[1];
    expectTypeOf<Second>().toExtend<
      ShapeMismatch<'matmul: [2, 3] and [4, 5] do not multiply: 3 columns meet 4 rows'>
    >();
    expectTypeOf(wrong).toBeFunction();
  });
  test('in concat', () => {
    // @ts-expect-error -- 3 meets 4 along axis 1
    const wrong = (): Tensor => concat([zeros([2, 3]), zeros([2, 4])], 0);
    expectTypeOf(wrong).toBeFunction();
  });
});

describe('shapes that are not known get in nobody’s way', () => {
  test('a plain Tensor goes anywhere', () => {
    expectTypeOf(anything.matmul(zeros([3, 4]))).toEqualTypeOf<Tensor>();
    expectTypeOf(zeros([3, 3]).add(anything)).toEqualTypeOf<Tensor>();
    expectTypeOf(concat([anything, zeros([2, 3])])).toEqualTypeOf<Tensor>();
    expectTypeOf(anything.mul(anything).add(1)).toEqualTypeOf<Tensor>();
  });
  test('any shape is a Tensor', () => {
    expectTypeOf<Tensor<[2, 3]>>().toExtend<Tensor>();
    expectTypeOf<Parameter<[2, 3]>>().toExtend<Tensor<[2, 3]>>();
    expectTypeOf<Tensor<[2, 3]>>().toExtend<Tensor<[number, 3]>>();
    expectTypeOf<Tensor<[2, 3]>>().not.toExtend<Tensor<[2, 4]>>();
    const list: Tensor[] = [zeros([1]), new Parameter(zeros([2, 3]))];
    expectTypeOf(list).toEqualTypeOf<Tensor[]>();
  });
  test('a union of operands is accepted', () => {
    const either = (x: Tensor<[2]>, y: Tensor<[2]> | number): Tensor<[2]> => x.mul(y);
    expectTypeOf(either).returns.toEqualTypeOf<Tensor<[2]>>();
  });
  test('axes that are not literals', () => {
    const along = (x: Tensor<[2, 3]>, axis: number): Tensor => x.sum(axis);
    expectTypeOf(along).returns.toEqualTypeOf<Tensor>();
    const perhaps = (x: Tensor<[2, 3]>, axis?: number, keepDims?: boolean): Tensor =>
      x.mean(axis, { keepDims: keepDims ?? false });
    expectTypeOf(perhaps).returns.toEqualTypeOf<Tensor>();
  });
  test('type-level functions answer Shape', () => {
    expectTypeOf<Broadcast<Shape, [2]>>().toEqualTypeOf<Shape>();
    expectTypeOf<MatMul<[2, 3], Shape>>().toEqualTypeOf<Shape>();
    expectTypeOf<Reduce<Shape, 0>>().toEqualTypeOf<Shape>();
    expectTypeOf<Concat<[[2], Shape], 0>>().toEqualTypeOf<Shape>();
    expectTypeOf<Broadcast<[number, 3], [1, 3]>>().toEqualTypeOf<[number, 3]>();
  });
});

test('transforms keep the types of trees', () => {
  const fn = (p: { w: Tensor<[2]>; b: Tensor<[]> }): Tensor => p.w.sum().add(p.b);
  expectTypeOf(valueAndGrad(fn)).returns.toEqualTypeOf<[Tensor, { w: Tensor; b: Tensor }]>();
  expectTypeOf(vmap((x: Tensor<[3]>) => x.sum())).returns.toEqualTypeOf<Tensor>();
  expectTypeOf(vmap((x: Tensor<[3]>) => x.sum())).toBeCallableWith(zeros([5, 3]));
  const step = (carry: Tensor<[2]>, x: Tensor<[2]>): [Tensor, { y: Tensor }] => [carry.add(x), { y: carry }];
  const loop = (): [Tensor, { y: Tensor }] => scan(step, zeros([2]), zeros([4, 2]));
  expectTypeOf(loop).returns.toEqualTypeOf<[Tensor, { y: Tensor }]>();
});
