import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../src/core/errors.js';
import * as nn from '../../src/nn/index.js';
import { ones, Parameter, setSeed, tensor, Variable, zeros, type Tensor } from '../../src/tensor/index.js';

class Block extends nn.Module {
  readonly layers = [new nn.Linear(2, 3), new nn.Linear(3, 2)];
  readonly scales = { first: new Parameter(ones([2])), rate: 3 };
  readonly counter = new Variable(zeros([]));
  readonly norm = new nn.BatchNorm1d(2);
  readonly drop = new nn.Dropout(0.5);
  parent: nn.Module | undefined;

  forward(x: Tensor): Tensor {
    const [first, second] = this.layers;
    if (first === undefined || second === undefined) return x;
    return this.drop.forward(this.norm.forward(second.forward(first.forward(x)))).mul(this.scales.first);
  }
}

describe('a module is the tree of its attributes', () => {
  test('parameters are named by their paths', () => {
    expect(Object.keys(new Block().namedParameters())).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'scales.first',
      'norm.weight',
      'norm.bias',
    ]);
  });

  test('variables are parameters, running statistics, and plain variables', () => {
    const names = Object.keys(new Block().namedVariables());
    expect(names.filter((name) => !Object.keys(new Block().namedParameters()).includes(name))).toEqual([
      'counter',
      'norm.runningMean',
      'norm.runningVar',
    ]);
  });

  test('random streams are a kind of their own', () => {
    expect(Object.keys(new Block().namedStreams())).toEqual(['drop.generator']);
  });

  test('modules are listed from the outside in', () => {
    expect([...new Block().namedModules().keys()]).toEqual(['', 'layers.0', 'layers.1', 'norm', 'drop']);
  });

  test('Sequential names its parts by position, functions counted', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      nn.relu,
      new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 1)),
    );
    expect(Object.keys(model.namedParameters())).toEqual(['0.weight', '0.bias', '2.1.weight', '2.1.bias']);
  });

  test('more than ten parts keep their order', () => {
    const model = new nn.Sequential(
      ...Array.from({ length: 12 }, () => new nn.Linear(1, 1, { bias: false })),
    );
    expect(Object.keys(model.namedParameters())).toEqual(Array.from({ length: 12 }, (_, i) => `${i}.weight`));
    expect([...model.namedModules().keys()]).toEqual(['', ...Array.from({ length: 12 }, (_, i) => `${i}`)]);
  });

  test('cycles end', () => {
    const block = new Block();
    block.parent = block;
    expect(block.parameters()).toHaveLength(7);
  });

  test('a shared module counts once, at its first path', () => {
    const shared = new nn.Linear(2, 2);
    const model = new nn.Sequential(shared, nn.relu, shared);
    expect(Object.keys(model.namedParameters())).toEqual(['0.weight', '0.bias']);
  });

  test('a shared parameter counts once', () => {
    const [a, b] = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
    Object.assign(b, { weight: a.weight });
    expect(Object.keys(new nn.Sequential(a, b).namedParameters())).toEqual(['0.weight', '0.bias', '1.bias']);
  });

  test('a part that is no layer is named', () => {
    expect(() => new nn.Sequential(new nn.Flatten(), 3 as never)).toThrow(/part 1 is a number/);
  });
});

describe('modes and freezing reach the whole tree', () => {
  test('train and eval', () => {
    const block = new Block();
    expect(block.eval().drop.training).toBe(false);
    expect(block.train().drop.training).toBe(true);
  });

  test('freeze and unfreeze', () => {
    const block = new Block();
    block.norm.freeze();
    expect(block.trainableParameters()).toHaveLength(5);
    expect(block.unfreeze().trainableParameters()).toHaveLength(7);
  });
});

describe('saved states', () => {
  const model = (): nn.Module => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));

  test('go into another model of the same kind', async () => {
    const [a, b] = [model(), model()];
    b.loadState(a.stateDict());
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(await b.forward(x).array()).toEqual(await a.forward(x).array());
  });

  test('are converted to the dtype of the model', async () => {
    const layer = new nn.Linear(1, 1);
    layer.loadState({ weight: tensor([[0.5]], { dtype: 'float16' }), bias: tensor([2], { dtype: 'int32' }) });
    expect(await layer.forward(tensor([4])).array()).toEqual([4]);
  });

  test('must not lack names', () => {
    expect(() => new nn.Linear(1, 1).loadState({ weight: zeros([1, 1]) })).toThrow(CheckpointError);
    expect(() => new nn.Linear(1, 1).loadState({ weight: zeros([1, 1]) })).toThrow(
      /a Linear: missing 'bias'/,
    );
  });

  test('must not have other names', () => {
    const state = { weight: zeros([1, 1]), bias: zeros([1]), scale: zeros([1]) };
    expect(() => new nn.Linear(1, 1).loadState(state)).toThrow(/unexpected 'scale'/);
    expect(() => new nn.Linear(1, 1).loadState(state, { strict: false })).not.toThrow();
  });

  test('must have the right shapes, and nothing is changed otherwise', async () => {
    const layer = new nn.Linear(1, 2, { biasInit: nn.init.ones });
    const state = { bias: zeros([2]), weight: zeros([1, 2]) };
    expect(() => layer.loadState(state, { strict: false })).toThrow(
      /'weight' has shape \[1, 2\] instead of \[2, 1\]/,
    );
    expect(await layer.bias?.array()).toEqual([1, 1]);
  });

  test('errors list a few names and count the rest', () => {
    expect(() => new Block().loadState({})).toThrow(/missing .* and 4 more/);
  });
});

test('the same seed gives the same model', async () => {
  const build = (): Promise<unknown> => {
    setSeed(5);
    return new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(4, 2)).forward(ones([1, 3])).array();
  };
  const first = await build();
  expect(await build()).toEqual(first);
  setSeed(6);
  expect(
    await new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(4, 2)).forward(ones([1, 3])).array(),
  ).not.toEqual(first);
});

describe('summary', () => {
  const model = (): nn.Module =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.BatchNorm2d(4),
      nn.relu,
      new nn.Dropout(),
      new nn.Flatten(),
      new nn.Linear(144, 10),
    );

  test('shows shapes and numbers of parameters', () => {
    expect(nn.summary(model(), [8, 1, 8, 8]).split('\n')).toEqual([
      'Layer           Output shape  Parameters',
      '----------------------------------------',
      '0  Conv2d       [8, 4, 6, 6]          40',
      '1  BatchNorm2d  [8, 4, 6, 6]           8',
      '3  Dropout      [8, 4, 6, 6]           0',
      '4  Flatten      [8, 144]               0',
      '5  Linear       [8, 10]            1,450',
      '',
      'Parameters: 1,498 (1,498 trainable, 0 frozen)',
      'Running statistics: 8',
    ]);
  });

  test('leaves the model as it was', async () => {
    const watched = model();
    const before = await Promise.all(Object.values(watched.namedVariables()).map((each) => each.array()));
    nn.summary(watched, [8, 1, 8, 8]);
    expect(await Promise.all(Object.values(watched.namedVariables()).map((each) => each.array()))).toEqual(
      before,
    );
    expect(await watched.namedStreams()['3.generator']?.state.slice([1, 2]).array()).toEqual([0]);
    expect([...watched.namedModules().values()].some((module) => Object.hasOwn(module, 'forward'))).toBe(
      false,
    );
  });

  test('counts frozen parameters, and a module by itself', () => {
    const layer = new nn.Linear(2, 3).freeze();
    expect(nn.summary(layer, [1, 2])).toContain('Parameters: 9 (0 trainable, 9 frozen)');
    expect(nn.summary(layer, [1, 2])).toContain('Linear  [1, 3]');
  });

  test('says what is wrong with an input that does not fit', () => {
    expect(() => nn.summary(model(), [8, 1, 7, 8])).toThrow(
      /Linear: the input of shape \[8, 120\] has 120 along the last axis where 144 features/,
    );
  });
});
