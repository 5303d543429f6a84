import { describe, expectTypeOf, test } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { zeros, type Tensor } from '../../src/tensor/index.js';

const image: Tensor<[64, 784]> = zeros([64, 784]);
const anything: Tensor = image;

describe('the type checker knows', () => {
  test('what Linear gives', () => {
    expectTypeOf(new nn.Linear(784, 10).forward(image)).toEqualTypeOf<Tensor<[64, 10]>>();
    expectTypeOf(new nn.Linear(784, 10).forward(anything)).toEqualTypeOf<Tensor>();
  });

  test('that features do not fit', () => {
    // @ts-expect-error: 784 features where 100 are expected
    const wrong = (): Tensor => new nn.Linear(100, 10).forward(image);
    expectTypeOf(wrong).toBeFunction();
  });

  test('that layers without sizes of their own keep the shape', () => {
    expectTypeOf(new nn.Dropout(0.5).forward(image)).toEqualTypeOf<Tensor<[64, 784]>>();
    expectTypeOf(new nn.LayerNorm(784).forward(image)).toEqualTypeOf<Tensor<[64, 784]>>();
    expectTypeOf(nn.relu(image)).toEqualTypeOf<Tensor<[64, 784]>>();
  });

  test('that losses are single numbers, and when batches differ', () => {
    const labels: Tensor<[64]> = zeros([64]);
    expectTypeOf(nn.crossEntropy(image, labels)).toEqualTypeOf<Tensor<[]>>();
    expectTypeOf(nn.crossEntropy(anything, labels)).toEqualTypeOf<Tensor<[]>>();
    // @ts-expect-error: a batch of 64 logits meets 32 targets
    const wrong = (): Tensor => nn.crossEntropy(image, zeros([32]));
    expectTypeOf(wrong).toBeFunction();
  });

  test('that predictions and targets have different shapes', () => {
    expectTypeOf(nn.mse(image, anything)).toEqualTypeOf<Tensor<[]>>();
    // @ts-expect-error: [64, 784] meets [64]
    const wrong = (): Tensor => nn.mse(image, zeros([64]));
    expectTypeOf(wrong).toBeFunction();
  });

  test('that layers, functions and models are parts of a Sequential', () => {
    const model = new nn.Sequential(
      new nn.Linear(784, 10),
      nn.relu,
      new nn.ReLU(),
      (x) => x.mul(2),
      new nn.Sequential(),
    );
    expectTypeOf(model.forward(image)).toEqualTypeOf<Tensor>();
  });

  test('that a module of the user’s own is one', () => {
    class Pair extends nn.Module {
      readonly first = new nn.Linear(4, 4);
      forward(x: Tensor, y: Tensor): Tensor {
        return this.first.forward(x).add(y);
      }
    }
    expectTypeOf<Pair>().toExtend<nn.Module>();
  });

  test('that losses fit where a function of prediction and target is asked for', () => {
    type Loss = (prediction: Tensor, target: Tensor) => Tensor;
    expectTypeOf(nn.crossEntropy).toExtend<Loss>();
    expectTypeOf(nn.mse).toExtend<Loss>();
    expectTypeOf(nn.binaryCrossEntropyWithLogits).toExtend<Loss>();
  });
});
