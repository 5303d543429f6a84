// The networks whose first step is measured, on the built package: how to make them, the shape of a batch of pictures, and the optimizer.
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { nn, optim } = /** @type {typeof import('../../src/index.js')} */ (
  await import(new URL('../../dist/index.js', import.meta.url).href)
);

/** @typedef {import('../../src/index.js').Tensor} Tensor */

/** Two 3x3 convolutions beside a shortcut (He et al., "Deep Residual Learning for Image Recognition", 2015). */
class BasicBlock extends nn.Module {
  /** @param {number} from @param {number} to @param {number} stride */
  constructor(from, to, stride) {
    super();
    this.residual = new nn.Sequential(
      new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false }),
      new nn.BatchNorm2d(to),
      nn.relu,
      new nn.Conv2d(to, to, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(to),
    );
    this.shortcut =
      stride === 1 && from === to
        ? new nn.Sequential()
        : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to));
  }

  /** @param {Tensor} x */
  forward(x) {
    return nn.relu(this.residual.forward(x).add(this.shortcut.forward(x)));
  }
}

/** @param {number} from @param {number} to @param {number} stride */
const stage = (from, to, stride) => [new BasicBlock(from, to, stride), new BasicBlock(to, to, 1)];

export const networks = {
  'mnist-cnn': {
    make: () =>
      new nn.Sequential(
        new nn.Conv2d(1, 32, 3),
        nn.relu,
        new nn.MaxPool2d(2),
        new nn.Conv2d(32, 64, 3),
        nn.relu,
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(1600, 10),
      ),
    optimizer: optim.adam({ lr: 1e-3 }),
    batch: [64, 1, 28, 28],
  },
  /** For pictures of 32x32: the first convolution has stride 1, and no pooling follows it. */
  resnet18: {
    make: () =>
      new nn.Sequential(
        new nn.Conv2d(3, 64, 3, { padding: 1, bias: false }),
        new nn.BatchNorm2d(64),
        nn.relu,
        ...stage(64, 64, 1),
        ...stage(64, 128, 2),
        ...stage(128, 256, 2),
        ...stage(256, 512, 2),
        new nn.GlobalAvgPool(),
        new nn.Linear(512, 10),
      ),
    optimizer: optim.sgd({ lr: 0.1, momentum: 0.9, weightDecay: 5e-4 }),
    batch: [16, 3, 32, 32],
  },
};
