import { describe, expect, it } from 'vitest';
import { GradientError, StaleValueError } from '../../src/core/errors.js';
import * as nn from '../../src/nn/index.js';
import {
  compile,
  evaluate,
  full,
  grad,
  Parameter,
  tensor,
  Variable,
  zeros,
  type Tensor,
} from '../../src/tensor/index.js';

const N = 300_000;

describe('variables', () => {
  it('keep what was computed from an earlier value', async () => {
    const v = new Variable(tensor([1, 2]));
    const before = v.mul(10);
    v.assign(v.add(1));
    const after = v.mul(10);
    expect(await after.array()).toEqual([20, 30]);
    expect(await before.array()).toEqual([10, 20]);
  });

  it('take the last of several assignments', async () => {
    const v = new Variable(tensor([1]));
    v.assign(v.add(1));
    v.assign(v.mul(10));
    v.assign(v.add(5));
    expect(await v.array()).toEqual([25]);
  });

  it('change places', async () => {
    const a = new Variable(full([N], 1));
    const b = new Variable(full([N], 2));
    const swap = compile(() => {
      const old: Tensor = a.mul(1);
      a.assign(b);
      b.assign(old);
    });
    for (let i = 0; i < 3; i++) swap();
    expect([(await a.data())[N - 1], (await b.data())[0]]).toEqual([2, 1]);
  });

  it('may share one new value', async () => {
    const a = new Variable(zeros([3]));
    const b = new Variable(zeros([3]));
    const both = compile((x: Tensor) => {
      const next = x.add(1);
      a.assign(next);
      b.assign(next);
      return next;
    });
    const result = both(tensor([1, 2, 3]));
    a.assign(a.mul(2));
    expect(await a.array()).toEqual([4, 6, 8]);
    expect(await b.array()).toEqual([2, 3, 4]);
    expect(await result.array()).toEqual([2, 3, 4]);
  });

  it('are updated in place only where nobody else reads: shifted reads see the old value', async () => {
    const v = new Variable(tensor(Float32Array.from({ length: N }, (_, i) => i)));
    const shift = compile(() => {
      v.assign(v.add(v.roll(1, 0)));
    });
    shift();
    const data = await v.data();
    expect([data[0], data[1], data[N - 1]]).toEqual([N - 1, 1, 2 * N - 3]);
  });

  it('feed a value that another output of the same program reads after the update', async () => {
    const v = new Variable(full([N], 3));
    const step = compile(() => {
      const old = v.sum();
      v.assign(v.mul(2));
      return [old, v.sum()];
    });
    const [old, next] = step() as unknown as [Tensor, Tensor];
    expect([await old.item(), await next.item()]).toEqual([3 * N, 6 * N]);
  });

  it('can still be read once updated, by what was pending; a second update says so clearly', async () => {
    const v = new Variable(full([N], 1));
    const step = compile(() => {
      v.assign(v.add(1));
    });
    step();
    const pending = v.mean();
    step();
    expect(await pending.item()).toBeCloseTo(2, 5);
    const lost = v.mean();
    step();
    const kept = v.mean();
    step();
    expect(await kept.item()).toBeCloseTo(4, 5);
    await expect(lost.item()).rejects.toThrow(StaleValueError);
  });

  it('assigned inside a compiled function keep their value for tensors outside', async () => {
    const v = new Variable(tensor([5]));
    const outside = v.mul(1);
    const step = compile((x: Tensor) => {
      v.assign(v.add(x));
      return v.mul(2);
    });
    expect(await step(tensor([1])).array()).toEqual([12]);
    expect(await outside.array()).toEqual([5]);
    expect(await v.array()).toEqual([6]);
  });
});

describe('long graphs', () => {
  it('of 100,000 nodes evaluate themselves on the way', async () => {
    let x: Tensor = tensor([0, 1]);
    for (let i = 0; i < 100_000; i++) x = x.add(1);
    expect(await x.array()).toEqual([100_000, 100_001]);
  });

  it('keep their gradients', async () => {
    const start = new Variable(tensor([1]));
    let x: Tensor = start;
    for (let i = 0; i < 3000; i++) x = x.mul(1.0001);
    expect(await grad(x.sum(), start).item()).toBeCloseTo(1.0001 ** 3000, 2);
  });
});

describe('compiled functions', () => {
  it('are traced once per signature', async () => {
    let traces = 0;
    const f = compile((x: Tensor, k: number) => {
      traces++;
      return x.mul(k).sum();
    });
    expect(await f(tensor([1, 2]), 3).item()).toBe(9);
    expect(await f(tensor([3, 4]), 3).item()).toBe(21);
    expect(traces).toBe(1);
    expect(await f(tensor([1, 2]), 4).item()).toBe(12);
    expect(await f(tensor([1, 2, 3]), 3).item()).toBe(18);
    expect(traces).toBe(3);
  });

  it('refuse to hand out values while they are traced', () => {
    const f = compile((x: Tensor) => {
      x.dataSync();
      return x;
    });
    expect(() => f(tensor([1]))).toThrow(/compiled function/);
  });

  it('several tensors are computed together', async () => {
    const x = tensor([1, 2]);
    const [a, b] = [x.add(1), x.mul(5)];
    await evaluate(a, b);
    expect([await a.array(), await b.array()]).toEqual([
      [2, 3],
      [5, 10],
    ]);
  });
});

describe('what a compiled function has read besides tensors', () => {
  it('decides which program runs: the mode of a model, frozen parameters', async () => {
    const dropout = new nn.Dropout(0.5);
    const f = compile((x: Tensor) => dropout.forward(x).sum());
    const x = full([1000], 1);
    expect(await f(x).item()).not.toBe(1000);
    dropout.eval();
    expect(await f(x).item()).toBe(1000);
    dropout.train();
    expect(await f(x).item()).not.toBe(1000);
  });
});

describe('a program that needs both the old and the new value of a variable', () => {
  it('gets each where it asks for it', async () => {
    const v = new Variable(full([N], 1));
    const step = compile(() => {
      const old = v.mul(1);
      v.assign(v.add(v.cumsum(0).mul(0)).add(1));
      // Reads the new value shifted and the old one: no order of kernels lets the new lie where the old does.
      return v
        .roll(1, 0)
        .mul(old.flip([0]))
        .sum();
    });
    expect(await step().item()).toBe(2 * N);
    expect(await step().item()).toBe(6 * N);
    expect((await v.data())[5]).toBe(3);
  });
});

describe('a compiled function that assigns', () => {
  it('a value from outside gives the variable a copy of it', async () => {
    const v = new Variable(zeros([2]));
    const reset = tensor([7, 8]);
    const f = compile(() => {
      v.assign(reset);
    });
    f();
    expect(await v.array()).toEqual([7, 8]);
    v.assign(v.add(1));
    expect(await v.array()).toEqual([8, 9]);
    f();
    expect(await v.array()).toEqual([7, 8]);
    expect(await reset.array()).toEqual([7, 8]);
  });
});

describe('gradients through long histories', () => {
  it('reach a parameter however long the chain is', async () => {
    const p = new Parameter(tensor([1]));
    let x: Tensor = p;
    for (let i = 0; i < 12_000; i++) x = x.mul(1.0001);
    expect(await grad(x.sum(), p).item()).toBeCloseTo(1.0001 ** 12_000, 2);
  });

  it('are refused, not zero, where the history is gone', async () => {
    const plain = tensor([1]);
    let x: Tensor = plain;
    for (let i = 0; i < 12_000; i++) x = x.mul(1.0001);
    expect(() => grad(x.sum(), plain)).toThrow(GradientError);

    const p = new Parameter(tensor([1, 2]));
    const loss = p.mul(p).sum();
    p.assign(p.sub(grad(loss, p).mul(0.1)));
    await loss.item();
    expect(() => grad(loss, p)).toThrow(GradientError);
    expect(() => {
      loss.backward();
    }).toThrow(GradientError);
  });

  it('updates that nobody asks for are carried out on the way', async () => {
    const p = new Parameter(tensor([1]));
    for (let i = 0; i < 5000; i++) p.assign(p.sub(grad(p.mul(p).sum(), p).mul(0.0001)));
    expect(await p.item()).toBeCloseTo((1 - 0.0002) ** 5000, 3);
  });
});
