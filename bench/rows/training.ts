/** Training steps: from a batch in host memory to the loss as a number. */
import { compile, grad, nn, optim, setSeed, tensor, type Tensor } from '../../src/index.js';
import { NEVER_SLOWER, peerBar } from '../bars.js';
import { trainingWork } from '../work.js';
import { convBn, lenet, mnistCnn, mnistMlp, type Network } from './models.js';
import type { ComparedRow } from './row.js';
import { batches } from './synthetic.js';

interface Training {
  readonly name: string;
  readonly network: Network;
  readonly optimizer: optim.OptimizerSpec;
  /** Numbers that the optimizer keeps for each parameter. */
  readonly moments: number;
  readonly batchSize: number;
  readonly loss: (output: Tensor, labels: Tensor) => Tensor;
  /** How many times as fast as PyTorch machine code must be. */
  readonly timesPytorch: number;
}

const BATCHES = 8;

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

/** The compiled step and a call of it on the next batch. */
export function trainingStep({
  network,
  optimizer: spec,
  batchSize,
  loss: lossOf,
}: Pick<Training, 'network' | 'optimizer' | 'batchSize' | 'loss'>) {
  setSeed(1);
  const model = network.make();
  const optimizer = spec.for(model);
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = lossOf(model.forward(x), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  });
  const data = batches(BATCHES, batchSize, product(network.shape));
  let next = 0;
  const run = (): Promise<number> => {
    const { x, y } = data[next++ % BATCHES] as (typeof data)[number];
    // The arrays themselves, as PyTorch's from_numpy and this library's loaders take them.
    return step(
      tensor(x, { shape: [batchSize, ...network.shape], copy: false }),
      tensor(y, { shape: [batchSize], copy: false }),
    ).item();
  };
  return { step, run };
}

const crossEntropy = (output: Tensor, labels: Tensor): Tensor => nn.crossEntropy(output, labels);

export const trainings = {
  mnistMlp: {
    name: 'mnist-mlp',
    network: mnistMlp,
    optimizer: optim.adam({ lr: 1e-3 }),
    moments: 2,
    batchSize: 64,
    loss: crossEntropy,
    timesPytorch: 4,
  },
  mnistCnn: {
    name: 'mnist-cnn',
    network: mnistCnn,
    optimizer: optim.adam({ lr: 1e-3 }),
    moments: 2,
    batchSize: 64,
    loss: crossEntropy,
    timesPytorch: 3,
  },
  lenetCifar: {
    name: 'lenet-cifar',
    network: lenet,
    optimizer: optim.sgd({ lr: 1e-3, momentum: 0.9 }),
    moments: 1,
    batchSize: 128,
    loss: crossEntropy,
    timesPytorch: 2.5,
  },
  convBn: {
    name: 'conv-bn',
    network: convBn,
    optimizer: optim.sgd({ lr: 1e-3 }),
    moments: 0,
    batchSize: 32,
    loss: (output) => output.square().mean(),
    timesPytorch: 1.5,
  },
} satisfies Record<string, Training>;

export const trainingRows: readonly ComparedRow[] = Object.values<Training>(trainings).map((training) => ({
  kind: 'compared',
  name: training.name,
  threads: 2,
  ...trainingWork(
    training.network.layers,
    product(training.network.shape),
    training.batchSize,
    training.moments,
  ),
  bars: { native: [peerBar(training.timesPytorch, 'pytorch')], wasm: [NEVER_SLOWER] },
  prepare: () => trainingStep(training).run,
}));
