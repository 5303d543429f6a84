/** Every optimizer over 20 steps, and every schedule, against PyTorch's results, which scripts/goldens/optim.py has stored. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import * as optim from '../../src/optim/index.js';
import { setDevice } from '../../src/runtime/devices.js';
import { compile, Parameter, tensor, type Tensor } from '../../src/tensor/index.js';
import { expectClose } from '../support/close.js';
import { usableDevices } from '../support/devices.js';

type Values = Readonly<Record<'w' | 'b', number[]>>;

interface Goldens {
  readonly shapes: Values;
  readonly start: Values;
  readonly gradients: readonly Values[];
  readonly shown: readonly number[];
  readonly cases: Readonly<Record<string, readonly Values[]>>;
  readonly schedules: Readonly<Record<string, number[]>>;
  readonly metrics: readonly number[];
  readonly plateaus: Readonly<Record<string, number[]>>;
}

const goldens = JSON.parse(
  readFileSync(new URL('../goldens/optim.json', import.meta.url), 'utf8'),
) as Goldens;

const CASES: Readonly<Record<string, optim.OptimizerSpec>> = {
  sgd: optim.sgd({ lr: 0.1 }),
  'sgd, momentum': optim.sgd({ lr: 0.1, momentum: 0.9 }),
  'sgd, nesterov': optim.sgd({ lr: 0.1, momentum: 0.9, nesterov: true }),
  'sgd, dampening': optim.sgd({ lr: 0.1, momentum: 0.8, dampening: 0.3 }),
  'sgd, weightDecay': optim.sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  'sgd, l1': optim.sgd({ lr: 0.1, l1: 0.05 }),
  adam: optim.adam({ lr: 0.01 }),
  'adam, other betas': optim.adam({ lr: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 1e-3 }),
  'adam, weightDecay': optim.adam({ lr: 0.01, weightDecay: 0.1 }),
  'adam, amsgrad': optim.adam({ lr: 0.05, beta2: 0.5, amsgrad: true }),
  adamw: optim.adamw({ lr: 0.01 }),
  'adamw, weightDecay': optim.adamw({ lr: 0.05, weightDecay: 0.3 }),
  rmsprop: optim.rmsprop({ lr: 0.01 }),
  'rmsprop, momentum, weightDecay': optim.rmsprop({ lr: 0.01, alpha: 0.9, momentum: 0.5, weightDecay: 0.1 }),
  'rmsprop, centered': optim.rmsprop({ lr: 0.01, alpha: 0.9, epsilon: 1e-4, centered: true }),
  adagrad: optim.adagrad({ lr: 0.1 }),
  'adagrad, decays': optim.adagrad({ lr: 0.1, lrDecay: 0.1, weightDecay: 0.1, initialSum: 0.5 }),
  adadelta: optim.adadelta(),
  'adadelta, weightDecay': optim.adadelta({ lr: 0.5, rho: 0.8, epsilon: 1e-4, weightDecay: 0.1 }),
  adamax: optim.adamax({ lr: 0.01 }),
  'adamax, weightDecay': optim.adamax({ lr: 0.05, beta1: 0.8, beta2: 0.9, weightDecay: 0.1 }),
  nadam: optim.nadam({ lr: 0.01 }),
  'nadam, weightDecay': optim.nadam({
    lr: 0.05,
    beta1: 0.8,
    beta2: 0.99,
    weightDecay: 0.1,
    momentumDecay: 0.1,
  }),
  lion: optim.lion({ lr: 0.01 }),
  'lion, weightDecay': optim.lion({ lr: 0.02, beta1: 0.8, beta2: 0.95, weightDecay: 0.3 }),
  clipNorm: optim.sgd({ lr: 0.1, clipNorm: 1.5 }),
  clipValue: optim.sgd({ lr: 0.1, clipValue: 0.7 }),
  lrScale: optim.adam({ lr: 0.01, lrScale: (path) => (path === 'w' ? 0.1 : 1) }),
  'accumulate, sgd': optim.accumulate(optim.sgd({ lr: 0.1, momentum: 0.9, dampening: 0.3 }), 3),
  'accumulate, nadam': optim.accumulate(optim.nadam({ lr: 0.01 }), 2),
};

const { shapes, start, gradients, shown } = goldens;
const read = (values: Values): { w: Tensor; b: Tensor } => ({
  w: tensor(values.w, { shape: shapes.w }),
  b: tensor(values.b, { shape: shapes.b }),
});

function fresh(): { w: Parameter; b: Parameter } {
  const { w, b } = read(start);
  return { w: new Parameter(w), b: new Parameter(b) };
}

async function expectSteps(
  expected: readonly Values[] | undefined,
  parameters: { w: Tensor; b: Tensor },
  step: (n: number) => void,
): Promise<void> {
  for (let n = 1; n <= gradients.length; n++) {
    step(n - 1);
    const wanted = expected?.[shown.indexOf(n)];
    if (wanted === undefined) continue;
    expectClose(await parameters.w.data(), wanted.w, { relative: 0 }, `w after ${n} steps`);
    expectClose(await parameters.b.data(), wanted.b, { relative: 0 }, `b after ${n} steps`);
  }
}

describe.each(usableDevices())('on %s, over 20 steps, PyTorch gives the same for', (device) => {
  beforeAll(() => {
    setDevice(device);
  });

  for (const [name, spec] of Object.entries(CASES)) {
    test(name, async () => {
      const parameters = fresh();
      const optimizer = spec.for(parameters);
      await expectSteps(goldens.cases[name], parameters, (n) => {
        const { w, b } = read(gradients[n] ?? start);
        optimizer.step([w, b]);
      });
    });

    test(`${name}, compiled`, async () => {
      const parameters = fresh();
      const optimizer = spec.for(parameters);
      const step = compile((w: Tensor, b: Tensor) => optimizer.step([w, b]));
      await expectSteps(goldens.cases[name], parameters, (n) => {
        const { w, b } = read(gradients[n] ?? start);
        step(w, b);
      });
    });
  }

  test('ema', async () => {
    const parameters = fresh();
    const optimizer = optim.sgd({ lr: 0.1 }).for(parameters);
    const ema = new optim.Ema({ namedParameters: () => parameters }, { decay: 0.9 });
    const { w, b } = ema.stateDict();
    if (w === undefined || b === undefined) throw new Error('no averages');
    await expectSteps(goldens.cases.ema, { w, b }, (n) => {
      const given = read(gradients[n] ?? start);
      optimizer.step([given.w, given.b]);
      ema.update();
    });
  });

  test('every entry of the table', () => {
    expect([...Object.keys(CASES), 'ema'].sort()).toEqual(Object.keys(goldens.cases).sort());
  });
});

const SCHEDULES: Readonly<Record<string, optim.Schedule>> = {
  stepLr: optim.stepLr({ lr: 0.5, every: 7, factor: 0.5 }),
  multiStepLr: optim.multiStepLr({ lr: 0.5, milestones: [3, 10, 11], factor: 0.3 }),
  exponentialLr: optim.exponentialLr({ lr: 0.5, factor: 0.9 }),
  cosineLr: optim.cosineLr({ lr: 0.5, steps: 29, minLr: 0.1 }),
  'cosineLr, restarts': optim.cosineLr({ lr: 0.5, steps: 4, minLr: 0.1, restarts: 2 }),
  warmup: optim.warmup({ steps: 5, from: 0.2 }, optim.constantLr(0.5)),
  oneCycleLr: optim.oneCycleLr({ lr: 0.5, steps: 31 }),
  'oneCycleLr, options': optim.oneCycleLr({
    lr: 0.5,
    steps: 31,
    rising: 0.5,
    startDivisor: 10,
    endDivisor: 100,
  }),
  sequentialLr: optim.sequentialLr(
    [optim.constantLr(0.5), 6],
    [optim.exponentialLr({ lr: 0.5, factor: 0.9 }), 24],
  ),
};

describe('over 30 steps PyTorch gives the same learning rates for', () => {
  for (const [name, schedule] of Object.entries(SCHEDULES)) {
    test(name, () =>
      expectClose(
        Array.from({ length: 30 }, (_, n) => schedule(n)),
        goldens.schedules[name] ?? [],
        { absolute: 1e-6 },
      ),
    );
  }

  test('every entry of the table', () => {
    expect(Object.keys(SCHEDULES).sort()).toEqual(Object.keys(goldens.schedules).sort());
  });
});

const PLATEAUS: Readonly<Record<string, optim.PlateauOptions>> = {
  plain: { lr: 1, patience: 2 },
  cooldown: { lr: 1, factor: 0.5, patience: 1, cooldown: 2, minLr: 0.2 },
  max: { lr: 1, mode: 'max', factor: 0.5, patience: 3, threshold: 0.01 },
};

describe('for the same metrics PyTorch gives the same learning rates on a plateau', () => {
  for (const [name, options] of Object.entries(PLATEAUS)) {
    test(name, () => {
      const plateau = new optim.Plateau(options);
      expectClose(
        goldens.metrics.map((metric) => plateau.observe(metric)),
        goldens.plateaus[name] ?? [],
      );
    });
  }
});
