// The rows of the benchmark in TensorFlow.js; the argument is the backend, wasm or cpu.
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-argument --
   The library is not installed where this file is checked, so it has no types. */
import { batches, noise } from './data.mjs';
import { serve } from './serve.mjs';

/** @type {(name: string) => Promise<any>} */
const library = (name) => import(name);
const backend = process.argv[2] ?? 'wasm';

// It prints advice on stdout, which belongs to the protocol.
console.log = console.info = console.warn = console.error;
const tf = await library('@tensorflow/tfjs');
if (backend === 'wasm') await library('@tensorflow/tfjs-backend-wasm');
await tf.setBackend(backend);
await tf.ready();

/**
 * A training step from a batch in host memory to the loss as a number.
 *
 * @param {any} model
 * @param {any} optimizer
 * @param {readonly number[]} shape of a batch
 * @param {(y: any, output: any) => any} lossOf
 */
const training = (model, optimizer, shape, lossOf = tf.losses.softmaxCrossEntropy) => {
  const [size = 1] = shape;
  const data = batches(size, shape.reduce((product, each) => product * each, 1) / size);
  let next = 0;
  return async () => {
    const batch = data[next++ % data.length];
    if (batch === undefined) throw new Error('no batch');
    const loss = tf.tidy(() => {
      const x = tf.tensor(batch.x, shape);
      const y = tf.tensor(batch.oneHot, [size, 10]);
      return optimizer.minimize(() => lossOf(y, model.apply(x, { training: true })), true);
    });
    const value = (await loss.data())[0];
    loss.dispose();
    return value;
  };
};

const { dense, conv2d, maxPooling2d, flatten, batchNormalization, reLU } = tf.layers;

/** @param {readonly any[]} layers */
const sequential = (...layers) => tf.sequential({ layers });

const mnistCnn = () =>
  sequential(
    conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: 'relu' }),
    maxPooling2d({ poolSize: 2 }),
    conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
    maxPooling2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 10 }),
  );

const mnistMlp = () =>
  sequential(
    dense({ inputShape: [784], units: 128, activation: 'relu' }),
    dense({ units: 64, activation: 'relu' }),
    dense({ units: 10 }),
  );

const lenet = () =>
  sequential(
    conv2d({ inputShape: [32, 32, 3], filters: 6, kernelSize: 5, activation: 'relu' }),
    maxPooling2d({ poolSize: 2 }),
    conv2d({ filters: 16, kernelSize: 5, activation: 'relu' }),
    maxPooling2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 120, activation: 'relu' }),
    dense({ units: 84, activation: 'relu' }),
    dense({ units: 10 }),
  );

const convBn = () => {
  /** @param {object} options */
  const block = (options) => [
    conv2d({ filters: 64, kernelSize: 3, padding: 'same', useBias: false, ...options }),
    batchNormalization({ momentum: 0.9, epsilon: 1e-5 }),
    reLU(),
  ];
  return sequential(...block({ inputShape: [32, 32, 3] }), ...block({}), ...block({ strides: 2 }));
};

/** Runs on tensors that stay; the backends are synchronous, so that the result is there when the call returns. @param {() => any} compute */
const repeated = (compute) => () => compute().dispose();

/** @param {number} size */
const sgemm = (size) => {
  const [a, b] = [tf.tensor(noise(size * size), [size, size]), tf.tensor(noise(size * size), [size, size])];
  return repeated(() => tf.matMul(a, b));
};

await serve(tf.version.tfjs, {
  'sgemm-256': () => sgemm(256),
  'sgemm-512': () => sgemm(512),
  'sgemm-1024': () => sgemm(1024),
  'sgemm-2048': () => sgemm(2048),
  'mnist-mlp': () => training(mnistMlp(), tf.train.adam(1e-3), [64, 784]),
  'mnist-cnn': () => training(mnistCnn(), tf.train.adam(1e-3), [64, 28, 28, 1]),
  'lenet-cifar': () => training(lenet(), tf.train.momentum(1e-3, 0.9), [128, 32, 32, 3]),
  'conv-bn': () =>
    training(convBn(), tf.train.sgd(1e-3), [32, 32, 32, 3], (_, output) => output.square().mean()),
  elementwise: () => {
    const x = tf.tensor(noise(4_000_000));
    return repeated(() => tf.tidy(() => tf.tanh(x.mul(2).add(1)).mul(tf.sigmoid(x))));
  },
  softmax: () => {
    const x = tf.tensor(noise(4096 * 1024), [4096, 1024]);
    return repeated(() => tf.softmax(x, 1));
  },
  'infer-cnn': () => {
    const model = mnistCnn();
    const picture = noise(784);
    return async () => {
      const result = tf.tidy(() => model.apply(tf.tensor(picture, [1, 28, 28, 1])));
      const values = await result.data();
      result.dispose();
      return values;
    };
  },
});
