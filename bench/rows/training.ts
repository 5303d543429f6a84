/** Training steps: from a batch in host memory to the loss as a number. */
import { compile, grad, nn, optim, setSeed, tensor, type Tensor } from '../../src/index.js';
import { lenet, mnistCnn, mnistMlp } from './models.js';
import type { ComparedRow } from './row.js';
import { batches } from './synthetic.js';

interface Training {
  readonly name: string;
  readonly model: () => nn.Sequential;
  readonly optimizer: optim.OptimizerSpec;
  readonly batchSize: number;
  /** Of one picture. */
  readonly shape: readonly number[];
  readonly flops: number;
  readonly bytes: number;
}

const BATCHES = 8;

/** The compiled step and a call of it on the next batch. */
export function trainingStep({
  model: makeModel,
  optimizer: spec,
  batchSize,
  shape,
}: Omit<Training, 'name' | 'flops' | 'bytes'>) {
  setSeed(1);
  const model = makeModel();
  const optimizer = spec.for(model);
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  });
  const data = batches(
    BATCHES,
    batchSize,
    shape.reduce((product, size) => product * size, 1),
  );
  let next = 0;
  const run = (): Promise<number> => {
    const { x, y } = data[next++ % BATCHES] as (typeof data)[number];
    return step(tensor(x, { shape: [batchSize, ...shape] }), tensor(y, { shape: [batchSize] })).item();
  };
  return { step, run };
}

/** Multiplications and additions of layers, forward and the gradients of weights and inputs; the first layer's input needs none. */
function trainingFlops(batchSize: number, layers: readonly number[]): number {
  return layers.reduce((sum, macs, i) => sum + 2 * macs * (i === 0 ? 2 : 3), 0) * batchSize;
}

/** The batch is read, parameters and optimizer state are read and written. */
const trainingBytes = (batchValues: number, parameters: number, moments: number): number =>
  4 * (batchValues + 2 * parameters * (1 + moments));

export const trainings = {
  mnistMlp: {
    name: 'mnist-mlp',
    model: mnistMlp,
    optimizer: optim.adam({ lr: 1e-3 }),
    batchSize: 64,
    shape: [784],
    flops: trainingFlops(64, [784 * 128, 128 * 64, 64 * 10]),
    bytes: trainingBytes(64 * 784, 109_386, 2),
  },
  mnistCnn: {
    name: 'mnist-cnn',
    model: mnistCnn,
    optimizer: optim.adam({ lr: 1e-3 }),
    batchSize: 64,
    shape: [1, 28, 28],
    flops: trainingFlops(64, [26 * 26 * 32 * 9, 11 * 11 * 64 * 32 * 9, 1600 * 10]),
    bytes: trainingBytes(64 * 784, 34_826, 2),
  },
  lenetCifar: {
    name: 'lenet-cifar',
    model: lenet,
    optimizer: optim.sgd({ lr: 1e-3, momentum: 0.9 }),
    batchSize: 128,
    shape: [3, 32, 32],
    flops: trainingFlops(128, [28 * 28 * 6 * 75, 10 * 10 * 16 * 150, 400 * 120, 120 * 84, 84 * 10]),
    bytes: trainingBytes(128 * 3072, 62_006, 1),
  },
} satisfies Record<string, Training>;

export const trainingRows: readonly ComparedRow[] = Object.values(trainings).map((training) => ({
  kind: 'compared',
  name: training.name,
  threads: [2],
  flops: training.flops,
  bytes: training.bytes,
  prepare: () => trainingStep(training).run,
}));
