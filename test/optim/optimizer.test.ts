import { describe, expect, test } from 'vitest';
import { ArgumentError, CheckpointError, ShapeError } from '../../src/core/errors.js';
import * as nn from '../../src/nn/index.js';
import * as optim from '../../src/optim/index.js';
import { compile, grad, ones, Parameter, tensor, type Tensor } from '../../src/tensor/index.js';

const scalar = (value: number): Parameter => new Parameter(tensor([value]));
const values = async (...tensors: Tensor[]): Promise<number[]> =>
  (await Promise.all(tensors.map((each) => each.array1d()))).flat();

describe('an optimizer', () => {
  test('takes a model, a list or a record', () => {
    const model = new nn.Linear(2, 1);
    const names = (source: optim.ParameterSource): string[] =>
      Object.keys(optim.sgd({ momentum: 0.9 }).for(source).namedState());
    expect(names(model)).toEqual(['steps', 'weight.momentum', 'bias.momentum']);
    expect(names(model.parameters())).toEqual(['steps', '0.momentum', '1.momentum']);
    expect(names({ a: model.weight })).toEqual(['steps', 'a.momentum']);
  });

  test('uses the gradients of backward() when given none, and forgets them on request', async () => {
    const w = scalar(3);
    const optimizer = optim.sgd({ lr: 0.5 }).for([w]);
    w.square().sum().backward();
    optimizer.step();
    expect(await values(w)).toEqual([0]);
    optimizer.zeroGrad();
    expect(w.grad).toBeUndefined();
  });

  test('leaves frozen parameters and those without gradient alone', async () => {
    const [a, b, c] = [scalar(1), scalar(1), scalar(1)];
    a.trainable = false;
    const optimizer = optim.adam({ lr: 1 }).for([a, b, c]);
    optimizer.step([tensor([1]), undefined, tensor([1])]);
    const [first, second, third] = await values(a, b, c);
    expect([first, second]).toEqual([1, 1]);
    expect(third).toBeCloseTo(0, 5);
    expect(Object.keys(optimizer.namedState())).not.toContain('0.firstMoment');
  });

  test('takes up parameters that were frozen when it was made', async () => {
    const w = scalar(1);
    w.trainable = false;
    const optimizer = optim.sgd({ lr: 1, momentum: 0.5 }).for([w]);
    w.trainable = true;
    optimizer.step([tensor([1])]);
    expect(await values(w)).toEqual([0]);
  });

  test('counts its steps', async () => {
    const optimizer = optim.sgd().for([scalar(1)]);
    for (let i = 0; i < 3; i++) optimizer.step([tensor([1])]);
    expect(await optimizer.steps.item()).toBe(3);
  });

  test('steps on what each step sees, evaluated or not', async () => {
    const w = scalar(8);
    const optimizer = optim.sgd({ lr: 0.25 }).for([w]);
    for (let i = 0; i < 3; i++) optimizer.step([grad(w.square().sum(), w)]);
    expect(await values(w)).toEqual([1]);
  });
});

describe('the learning rate', () => {
  test('changes for later steps, not for pending ones', async () => {
    const w = scalar(0);
    const optimizer = optim.sgd({ lr: 1 }).for([w]);
    optimizer.step([tensor([1])]);
    optimizer.lr = 10;
    optimizer.step([tensor([1])]);
    expect(await values(w)).toEqual([-11]);
  });

  test('changes inside compiled functions, which are traced once', async () => {
    const w = scalar(0);
    const optimizer = optim.sgd({ lr: 1 }).for([w]);
    let traced = 0;
    const step = compile((gradient: Tensor) => {
      traced++;
      optimizer.step([gradient]);
    });
    for (const lr of [1, 10, 100]) {
      optimizer.lr = lr;
      step(tensor([1]));
    }
    expect(await values(w)).toEqual([-111]);
    expect(traced).toBe(1);
  });

  test('follows a schedule', () => {
    const optimizer = optim.sgd({ lr: 1 }).for([scalar(0)]);
    optimizer.lr = optim.stepLr({ lr: 1, every: 2, factor: 0.5 })(4);
    expect(optimizer.lr).toBe(0.25);
  });

  test('cannot be negative or NaN', () => {
    expect(() => optim.adam({ lr: -1 })).toThrow(ArgumentError);
    expect(() => (optim.adam().for([scalar(0)]).lr = Number.NaN)).toThrow(/adam: lr is NaN/);
  });
});

describe('a saved state', () => {
  test('continues to the same numbers', async () => {
    const run = async (interrupted: boolean): Promise<number[]> => {
      let [w, b]: [Parameter, Parameter] = [scalar(1), scalar(-2)];
      let optimizer = optim.nadam({ lr: 0.1 }).for({ w, b });
      for (let i = 1; i <= 6; i++) {
        if (interrupted && i === 4) {
          const saved = Object.fromEntries(
            await Promise.all(
              Object.entries(optimizer.stateDict()).map(
                async ([name, each]) =>
                  [name, tensor(await each.data(), { shape: each.shape, dtype: each.dtype })] as const,
              ),
            ),
          );
          [w, b] = [new Parameter(tensor(await w.data())), new Parameter(tensor(await b.data()))];
          optimizer = optim.nadam({ lr: 0.1 }).for({ w, b });
          optimizer.loadState(saved);
        }
        optimizer.step([tensor([i]), tensor([-1 / i])]);
      }
      return values(w, b);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('of another optimizer is refused', () => {
    const saved = optim
      .adam()
      .for([scalar(0)])
      .stateDict();
    expect(() =>
      optim
        .sgd({ momentum: 0.5 })
        .for([scalar(0)])
        .loadState(saved),
    ).toThrow(CheckpointError);
    expect(() =>
      optim
        .sgd({ momentum: 0.5 })
        .for([scalar(0)])
        .loadState(saved),
    ).toThrow(/this sgd optimizer: missing '0.momentum'/);
  });
});

describe('stages', () => {
  test('clipNorm acts before weight decay', async () => {
    const w = scalar(1);
    optim
      .sgd({ lr: 1, clipNorm: 1, weightDecay: 0.5 })
      .for([w])
      .step([tensor([100])]);
    expect((await values(w))[0]).toBeCloseTo(1 - 1 - 0.5, 5);
  });

  test('decay can leave parameters out', async () => {
    const [weight, bias] = [scalar(1), scalar(1)];
    const spec = optim.adamw({ lr: 1, weightDecay: 0.5, decays: (path) => path !== 'bias' });
    spec.for({ weight, bias }).step([tensor([0]), tensor([0])]);
    expect(await values(weight, bias)).toEqual([0.5, 1]);
  });

  test('of one’s own can be combined; states of the same name are kept apart', async () => {
    const w = scalar(0);
    const twice = optim.optimizer('twice', 1, {}, optim.withMomentum(0.5), optim.withMomentum(0.5));
    const optimizer = twice.for({ w });
    expect(Object.keys(optimizer.namedState())).toEqual(['steps', 'w.0.momentum', 'w.1.momentum']);
    for (let i = 0; i < 2; i++) optimizer.step([tensor([1])]);
    // 1, then 1.5 + 0.5 · 1
    expect(await values(w)).toEqual([-3]);
  });

  test('clipGradNorm tells the norm', async () => {
    const { gradients, norm } = optim.clipGradNorm([tensor([3]), tensor([4])], 1);
    expect(await values(norm)).toEqual([5]);
    const [a, b] = await values(...gradients);
    expect(a).toBeCloseTo(0.6, 5);
    expect(b).toBeCloseTo(0.8, 5);
  });

  test('clipGradNorm lets zeros be', async () => {
    expect(await values(...optim.clipGradNorm([tensor([0, 0])], 1).gradients)).toEqual([0, 0]);
  });
});

describe('an average of weights', () => {
  test('is swapped in and out', async () => {
    const model = new nn.Linear(1, 1, { bias: false, weightInit: nn.init.zeros });
    const ema = new optim.Ema(model, { decay: 0.5 });
    model.weight.assign(ones([1, 1]));
    ema.update();
    ema.swap();
    expect(await values(model.weight, ...Object.values(ema.stateDict()))).toEqual([0.5, 1]);
    ema.swap();
    expect(await values(model.weight, ...Object.values(ema.stateDict()))).toEqual([1, 0.5]);
  });

  test('is kept up to date inside compiled functions', async () => {
    const model = new nn.Linear(1, 1, { bias: false, weightInit: nn.init.zeros });
    const optimizer = optim.sgd({ lr: 1 }).for(model);
    const ema = new optim.Ema(model, { decay: 0.5 });
    const step = compile((gradient: Tensor) => {
      optimizer.step([gradient]);
      ema.update();
    });
    for (let i = 0; i < 2; i++) step(tensor([[-1]]));
    expect(await values(model.weight, ...Object.values(ema.stateDict()))).toEqual([2, 1.25]);
  });
});

describe('refused are', () => {
  const cases: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
    'too few gradients': [
      () =>
        optim
          .sgd()
          .for([scalar(0)])
          .step([]),
      /0 gradients for 1 parameters/,
    ],
    'momentum of 1': [() => optim.sgd({ momentum: 1 }), /sgd: momentum is 1/],
    'nesterov without momentum': [() => optim.sgd({ nesterov: true }), /nesterov needs momentum/],
    'beta above 1': [() => optim.adam({ beta2: 1.5 }), /adam: beta2 is 1.5/],
    'negative decay': [() => optim.adamw({ weightDecay: -1 }), /adamw: weightDecay is -1/],
    'a norm of 0': [() => optim.sgd({ clipNorm: 0 }), /clipNorm is 0/],
    'every 0 steps': [() => optim.accumulate(optim.sgd(), 0), /accumulate: every is 0/],
    'tensors that are no parameters': [
      () => optim.sgd().for([tensor([1])] as unknown as Parameter[]),
      /sgd: '0' is not a Parameter/,
    ],
    'a factor above 1 on plateaus': [() => new optim.Plateau({ lr: 1, factor: 2 }), /Plateau: factor is 2/],
    'no schedules': [() => optim.sequentialLr(), /no schedules/],
    'a cosine of no steps': [() => optim.cosineLr({ lr: 1, steps: 0 }), /cosineLr: steps is 0/],
  };
  for (const [name, [act, message]] of Object.entries(cases)) {
    test(name, () => {
      expect(act).toThrow(ArgumentError);
      expect(act).toThrow(message);
    });
  }

  test('gradients in the wrong order', () => {
    const model = new nn.Linear(2, 1);
    const optimizer = optim.sgd().for(model);
    expect(() => optimizer.step([ones([1]), ones([1, 2])])).toThrow(ShapeError);
    expect(() => optimizer.step([ones([1]), ones([1, 2])])).toThrow(
      /the gradient of 'weight' has shape \[1\], the parameter \[1, 2\]/,
    );
  });
});

test('a plateau continues from its saved state', () => {
  const options = { lr: 1, factor: 0.5, patience: 1 };
  const [first, second] = [new optim.Plateau(options), new optim.Plateau(options)];
  for (const metric of [1, 1]) first.observe(metric);
  second.state = JSON.parse(JSON.stringify(first.state)) as optim.PlateauState;
  expect([second.observe(1), first.observe(1)]).toEqual([0.5, 0.5]);
});

test('xor is learned', async () => {
  const hidden = new nn.Linear(2, 8, { weightInit: nn.init.xavierNormal({ gain: 2 }) });
  const model = new nn.Sequential(hidden, nn.tanh, new nn.Linear(8, 1));
  const optimizer = optim.adam({ lr: 0.05 }).for(model);
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const y = tensor([[0], [1], [1], [0]]);
  const step = compile((input: Tensor, target: Tensor) => {
    const loss = nn.binaryCrossEntropyWithLogits(model.forward(input), target);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  });
  let loss = step(x, y);
  for (let i = 0; i < 300; i++) loss = step(x, y);
  expect(await loss.item()).toBeLessThan(0.05);
});
