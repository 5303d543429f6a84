// The rows of the benchmark in jax-js, on its wasm device.
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   The library is not installed where this file is checked, so it has no types. */
import { readFileSync } from 'node:fs';
import { batches, noise } from './data.mjs';
import { serve } from './serve.mjs';

/** @type {(name: string) => Promise<any>} */
const library = (name) => import(name);
console.log = console.info = console.warn = console.error;
const { numpy: np, nn, lax, tree, jit, valueAndGrad, init, defaultDevice } = await library('@jax-js/jax');
await init('wasm');
defaultDevice('wasm');

/** @param {readonly number[]} shape @param {number} scale */
const weights = (shape, scale) =>
  np
    .array(noise(shape.reduce((product, size) => product * size, 1)).map((u) => (2 * u - 1) * scale))
    .reshape(shape);

/** @param {any} x @param {any} w @param {any} b */
const dense = (x, w, b) => np.matmul(x, w).add(b);

/** Valid convolution, ReLU, 2x2 pooling. @param {any} x @param {any} w @param {any} b */
const convBlock = (x, w, b) => {
  const y = nn.relu(lax.conv(x, w, [1, 1], 'VALID').add(b));
  const [n = 0, c = 0, height = 0, width = 0] = /** @type {number[]} */ (y.shape);
  const [rows, columns] = [height >> 1, width >> 1];
  const even = 2 * rows === height ? y : y.slice([], [], [0, 2 * rows], [0, 2 * columns]);
  return np.max(even.reshape([n, c, rows, 2, columns, 2]), [3, 5]);
};

/** Convolution, batch normalisation, ReLU. @param {any} x @param {any} w @param {any} scale @param {any} shift @param {number} stride */
const normalizedBlock = (x, w, scale, shift, stride) => {
  const y = lax.conv(x, w, [stride, stride], 'SAME');
  /** @param {any} each */
  const overChannels = (each) => np.mean(each, [0, 2, 3], { keepdims: true });
  const centred = y.ref.sub(overChannels(y));
  const deviation = np.sqrt(overChannels(np.square(centred.ref)).add(1e-5));
  return nn.relu(centred.div(deviation).mul(scale).add(shift));
};

/** Weights and biases, one pair for each layer. @param {readonly (readonly [readonly number[], number[], number])[]} shapes */
const parameters = (shapes) =>
  shapes.flatMap(([w, b, fanIn]) => [weights(w, 1 / Math.sqrt(fanIn)), np.zeros(b)]);

const networks = {
  mlp: {
    parameters: () =>
      parameters([
        [[784, 128], [128], 784],
        [[128, 64], [64], 128],
        [[64, 10], [10], 64],
      ]),
    /** @param {any[]} p @param {any} x */
    forward: (p, x) => dense(nn.relu(dense(nn.relu(dense(x, p[0], p[1])), p[2], p[3])), p[4], p[5]),
  },
  cnn: {
    parameters: () =>
      parameters([
        [[32, 1, 3, 3], [32, 1, 1], 9],
        [[64, 32, 3, 3], [64, 1, 1], 288],
        [[1600, 10], [10], 1600],
      ]),
    /** @param {any[]} p @param {any} x */
    forward: (p, x) => {
      const features = convBlock(convBlock(x, p[0], p[1]), p[2], p[3]);
      return dense(features.reshape([-1, 1600]), p[4], p[5]);
    },
  },
  lenet: {
    parameters: () =>
      parameters([
        [[6, 3, 5, 5], [6, 1, 1], 75],
        [[16, 6, 5, 5], [16, 1, 1], 150],
        [[400, 120], [120], 400],
        [[120, 84], [84], 120],
        [[84, 10], [10], 84],
      ]),
    /** @param {any[]} p @param {any} x */
    forward: (p, x) => {
      const features = convBlock(convBlock(x, p[0], p[1]), p[2], p[3]).reshape([-1, 400]);
      return dense(nn.relu(dense(nn.relu(dense(features, p[4], p[5])), p[6], p[7])), p[8], p[9]);
    },
  },
  // Without running statistics.
  convBn: {
    parameters: () =>
      [3, 64, 64].flatMap((from) => [
        weights([64, from, 3, 3], 1 / Math.sqrt(9 * from)),
        np.ones([64, 1, 1]),
        np.zeros([64, 1, 1]),
      ]),
    /** @param {any[]} p @param {any} x */
    forward: (p, x) =>
      normalizedBlock(
        normalizedBlock(normalizedBlock(x, p[0], p[1], p[2], 1), p[3], p[4], p[5], 1),
        p[6],
        p[7],
        p[8],
        2,
      ),
  },
};

/**
 * An update rule: from gradient, state and bias corrections to what is subtracted, and the new state.
 *
 * @typedef {{ slots: number, update: (g: any, state: any[], corrections: any[]) => [any, any[]] }} Rule
 */

/** @type {Rule} */
const adam = {
  slots: 2,
  update(g, [m, v], [first, second]) {
    const newM = m.mul(0.9).add(g.ref.mul(0.1));
    const newV = v.mul(0.999).add(np.square(g).mul(0.001));
    const direction = newM.ref.div(first).div(np.sqrt(newV.ref.div(second)).add(1e-8));
    return [direction.mul(1e-3), [newM, newV]];
  },
};

/** @type {Rule} */
const plain = {
  slots: 0,
  update(g, _, corrections) {
    for (const each of corrections) each.dispose();
    return [g.mul(1e-3), []];
  },
};

/** @type {Rule} */
const momentum = {
  slots: 1,
  update(g, [m], corrections) {
    for (const each of corrections) each.dispose();
    const newM = m.mul(0.9).add(g);
    return [newM.ref.mul(1e-3), [newM]];
  },
};

/** @param {any} output @param {any} y One row of zeros with a one for each picture. @param {number} size */
const crossEntropy = (output, y, size) =>
  nn
    .logSoftmax(output, -1)
    .mul(y)
    .sum()
    .mul(-1 / size);

/** @type {typeof crossEntropy} */
const meanSquare = (output, y) => {
  y.dispose();
  return np.mean(np.square(output));
};

/**
 * A training step from a batch in host memory to the loss as a number, compiled whole.
 *
 * @param {{ parameters: () => any[], forward: (p: any[], x: any) => any }} network
 * @param {Rule} rule
 * @param {readonly number[]} shape of a batch
 */
const training = (network, rule, shape, lossFrom = crossEntropy) => {
  const [size = 1] = shape;
  /** @param {any[]} p @param {any} x @param {any} y */
  const lossOf = (p, x, y) => lossFrom(network.forward(p, x), y, size);
  const step = jit(
    /** @param {any[]} p @param {any[][]} states @param {any} x @param {any} y @param {any} first @param {any} second */
    (p, states, x, y, first, second) => {
      const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(p), x, y);
      const updated = p.map((parameter, i) => {
        const [change, state] = rule.update(gradients[i], states[i] ?? [], [first.ref, second.ref]);
        return { parameter: parameter.sub(change), state };
      });
      first.dispose();
      second.dispose();
      return [loss, updated.map((each) => each.parameter), updated.map((each) => each.state)];
    },
  );
  let p = network.parameters();
  let states = p.map((each) => Array.from({ length: rule.slots }, () => np.zeros(each.shape)));
  const data = batches(size, shape.reduce((product, each) => product * each, 1) / size);
  let count = 0;
  return async () => {
    const batch = data[count++ % data.length];
    if (batch === undefined) throw new Error('no batch');
    const [x, y] = [np.array(batch.x).reshape(shape), np.array(batch.oneHot).reshape([size, 10])];
    const [loss, newP, newStates] = step(p, states, x, y, 1 - 0.9 ** count, 1 - 0.999 ** count);
    [p, states] = [newP, newStates];
    return loss.jsAsync();
  };
};

/** Runs on arrays that stay. @param {any} compute @param {readonly any[]} inputs */
const repeated = (compute, inputs) => async () => {
  const result = compute(...inputs.map((each) => each.ref));
  await result.blockUntilReady();
  result.dispose();
};

/** @param {number} size */
const sgemm = (size) => repeated(jit(np.matmul), [weights([size, size], 1), weights([size, size], 1)]);

const { version } = /** @type {{ version: string }} */ (
  JSON.parse(readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'))
);

await serve(version, {
  'sgemm-256': () => sgemm(256),
  'sgemm-512': () => sgemm(512),
  'sgemm-1024': () => sgemm(1024),
  'sgemm-2048': () => sgemm(2048),
  'mnist-mlp': () => training(networks.mlp, adam, [64, 784]),
  'mnist-cnn': () => training(networks.cnn, adam, [64, 1, 28, 28]),
  'lenet-cifar': () => training(networks.lenet, momentum, [128, 3, 32, 32]),
  'conv-bn': () => training(networks.convBn, plain, [32, 3, 32, 32], meanSquare),
  elementwise: () =>
    repeated(
      jit(/** @param {any} x */ (x) => np.tanh(x.ref.mul(2).add(1)).mul(nn.sigmoid(x))),
      [weights([4_000_000], 1)],
    ),
  softmax: () =>
    repeated(
      jit(/** @param {any} x */ (x) => nn.softmax(x, 1)),
      [weights([4096, 1024], 1)],
    ),
  'infer-cnn': () => {
    const p = networks.cnn.parameters();
    const picture = noise(784);
    const forward = jit(networks.cnn.forward);
    return () => forward(tree.ref(p), np.array(picture).reshape([1, 1, 28, 28])).jsAsync();
  },
});
