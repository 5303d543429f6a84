/** A small training with everything in it: convolution, pooling, normalisation, dropout, Adam. */
import { compile, grad, nn, optim, setSeed, tensor, type Tensor } from '../../src/index.js';
import { HostRandom } from '../../src/core/threefry.js';

export interface SmallTraining {
  readonly model: nn.Module;
  /** One step on batch `i`; gives the loss. */
  readonly step: (i: number) => Promise<number>;
}

/** `compiled` or step by step; the same seed gives the same numbers. */
export function smallTraining(compiled: boolean, seed = 1): SmallTraining {
  setSeed(seed);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3),
    new nn.BatchNorm2d(8),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Dropout(0.2),
    new nn.Linear(8 * 5 * 5, 10),
  );
  const optimizer = optim.adam({ lr: 1e-3 }).for(model);
  const run = (x: Tensor, y: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(x.cast('float32').div(255)), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  };
  const step = compiled ? compile(run) : run;
  const data = new HostRandom(seed);
  const batches = Array.from({ length: 4 }, () => ({
    x: Uint8Array.from({ length: 16 * 144 }, () => data.integer(256)),
    y: Uint8Array.from({ length: 16 }, () => data.integer(10)),
  }));
  return {
    model,
    step(i) {
      const { x, y } = batches[i % batches.length] as { x: Uint8Array; y: Uint8Array };
      return step(tensor(x, { shape: [16, 1, 12, 12] }), tensor(y)).item();
    },
  };
}
