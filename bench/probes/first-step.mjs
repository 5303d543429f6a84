// A fresh process up to the end of its second training step of mnist-cnn, on the built package, as a user's program has it.
// Prints when the first step was over (epoch milliseconds), and how long the first and the second call took.
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { compile, grad, nn, optim, tensor } = /** @type {typeof import('../../src/index.js')} */ (
  await import(new URL('../../dist/index.js', import.meta.url).href)
);

const model = new nn.Sequential(
  new nn.Conv2d(1, 32, 3),
  nn.relu,
  new nn.MaxPool2d(2),
  new nn.Conv2d(32, 64, 3),
  nn.relu,
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(1600, 10),
);
const optimizer = optim.adam({ lr: 1e-3 }).for(model);
const step = compile(
  /** @param {import('../../src/index.js').Tensor} x @param {import('../../src/index.js').Tensor} y */
  (x, y) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  },
);
const pictures = new Float32Array(64 * 784).map(Math.random);
const labels = new Int32Array(64).map((_, i) => i % 10);

const timed = async () => {
  const start = performance.now();
  await step(tensor(pictures, { shape: [64, 1, 28, 28] }), tensor(labels, { shape: [64] })).item();
  return performance.now() - start;
};

const first = await timed();
const ended = performance.timeOrigin + performance.now();
const second = await timed();
console.log(JSON.stringify({ ended, first, second }));
process.exit(0);
