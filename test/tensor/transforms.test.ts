/** Functions of functions: vmap, jvp, scan, and the gradients through them. */
import { describe, expect, test } from 'vitest';
import {
  compile,
  einsum,
  Generator,
  grad,
  jvp,
  ones,
  Parameter,
  random,
  scan,
  stack,
  tensor,
  valueAndGrad,
  Variable,
  vmap,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { conv2d, maxPool2d } from '../../src/tensor/index.js';
import { expectClose } from '../support/close.js';

/** Random numbers; the same in each run. */
function numbers(...shape: number[]): Tensor {
  return random.normal(shape, { generator: new Generator(shape.length * 31 + (shape[0] ?? 0)) });
}

/** `fn` applied to each sample by itself. */
function oneByOne(fn: (x: Tensor) => Tensor, x: Tensor): Tensor {
  return stack(x.unstack().map(fn));
}

describe('vmap computes for a batch what a loop computes', () => {
  const weight = numbers(4, 3);
  const kernel = numbers(3, 2, 3, 3);
  const functions: readonly [string, number[], (x: Tensor) => Tensor][] = [
    ['element-wise', [4], (x) => x.mul(2).add(weight.transpose()).exp()],
    [
      'reductions',
      [3, 4],
      (x) =>
        x
          .max(0)
          .add(x.sum([0, 1]))
          .sub(x.argmax(1).max()),
    ],
    ['softmax', [3, 4], (x) => x.softmax(0)],
    ['matmul', [2, 4], (x) => x.matmul(weight)],
    ['matmul with a vector', [4], (x) => x.matmul(weight)],
    ['einsum', [4, 4], (x) => einsum('ii,ij->j', x, weight)],
    [
      'movement',
      [2, 3],
      (x) =>
        x
          .transpose()
          .pad([[1, 0]])
          .flip(0)
          .reshape([1, 9])
          .slice(null, [1, null, 2]),
    ],
    ['indexing', [5], (x) => x.take([4, 0]).add(x.sort().slice([0, 2]))],
    ['indices that differ', [4], (x) => weight.take(x.argmax(), 0)],
    ['cumsum', [3, 2], (x) => x.cumsum(0)],
    ['conv2d', [2, 5, 5], (x) => conv2d(x, kernel, undefined, { padding: 1 })],
    ['maxPool2d', [2, 4, 4], (x) => maxPool2d(x, 2)],
    ['gradients', [3], (x) => grad(x.pow(3).sum(), x)],
    ['vmap', [3, 2], (x) => vmap((row: Tensor) => row.softmax().mul(x.sum()))(x)],
    ['scan', [3, 2], (x) => scan((c: Tensor, y: Tensor) => [c.add(y), c.mul(y)] as const, ones([2]), x)[1]],
  ];
  test.each(functions)('%s', async (_, shape, fn) => {
    const x = numbers(3, ...shape);
    const together = vmap(fn)(x);
    const apart = oneByOne(fn, x);
    expect(together.shape).toEqual(apart.shape);
    expectClose(await together.data(), [...(await apart.data())]);
  });
  test('over other axes, with shared arguments', async () => {
    const [x, y] = [numbers(2, 5), numbers(2)];
    const fn = (a: Tensor, b: Tensor): Tensor => a.mul(b);
    const result = vmap(fn, { inAxes: [1, null], outAxes: 1 })(x, y);
    expect(result.shape).toEqual([2, 5]);
    expectClose(await result.data(), [...(await x.mul(y.unsqueeze(1)).data())]);
  });
  test('of trees', async () => {
    const result = vmap((p: { a: Tensor; b: [Tensor] }) => ({ sum: p.a.add(p.b[0]) }))({
      a: tensor([1, 2]),
      b: [tensor([10, 20])],
    });
    expect(await result.sum.array()).toEqual([11, 22]);
  });
  test('gradients of single samples', async () => {
    const w = new Parameter(tensor([1, 2]));
    const loss = (x: Tensor): Tensor => x.mul(w).sum().square();
    expect(
      await vmap((x: Tensor) => grad(loss(x), w))(
        tensor([
          [1, 0],
          [1, 1],
        ]),
      ).array(),
    ).toEqual([
      [2, 0],
      [6, 6],
    ]);
  });
  test('a result that does not depend on the samples is repeated', async () => {
    expect(await vmap((_: Tensor) => tensor([7]))(zeros([2])).array()).toEqual([[7], [7]]);
  });
  test('random numbers differ from sample to sample, and from call to call', async () => {
    const generator = new Generator(5);
    const noise = vmap((x: Tensor) => x.add(random.uniform([2], { generator })));
    const first = await noise(zeros([3])).data();
    const second = await noise(zeros([3])).data();
    expect(new Set([...first, ...second]).size).toBe(12);
  });
  test('errors', () => {
    const add = vmap((a: Tensor, b: Tensor) => a.add(b));
    expect(() => add(zeros([2]), zeros([3]))).toThrow(
      /vmap: axis 0 of \[3\] holds 3 samples, other arguments have 2/,
    );
    expect(() => vmap((x: Tensor) => x, { inAxes: null })(zeros([2]))).toThrow(/no argument is mapped/);
    const total = new Variable(zeros([]));
    expect(() =>
      vmap((x: Tensor) => {
        total.assign(x);
        return x;
      })(zeros([2])),
    ).toThrow(/differs from sample to sample/);
    expect(() => vmap((x: Tensor) => tensor(x.dataSync()))(zeros([2]))).toThrow(/asked for inside/);
  });
});

describe('jvp', () => {
  test('is the directional derivative', async () => {
    const f = (x: Tensor): Tensor => x.sin().mul(x).softmax();
    const [x, v] = [numbers(4).cast('float64'), numbers(1, 4).reshape([4]).cast('float64')];
    const [value, change] = jvp(f, [x], [v]);
    expectClose(await value.data(), [...(await f(x).data())]);
    const step = 1e-6;
    const expected = f(x.add(v.mul(step)))
      .sub(f(x.sub(v.mul(step))))
      .div(2 * step);
    expectClose(await change.data(), [...(await expected.data())], { absolute: 1e-7 });
  });
  test('of several arguments and results', async () => {
    const [value, change] = jvp(
      (a: Tensor, b: Tensor) => ({ product: a.mul(b), sum: a.add(b) }),
      [tensor([2]), tensor([3])],
      [tensor([1]), tensor([10])],
    );
    expect(await value.product.array()).toEqual([6]);
    expect(await change.product.array()).toEqual([23]);
    expect(await change.sum.array()).toEqual([11]);
  });
  test('over a gradient gives products with the Hessian', async () => {
    const [, product] = jvp((x: Tensor) => grad(x.pow(3).sum(), x), [tensor([1, 2])], [tensor([1, 1])]);
    expect(await product.array()).toEqual([6, 12]);
  });
  test('directions must fit', () => {
    expect(() => jvp((x: Tensor) => x, [zeros([2])], [zeros([3])])).toThrow(
      /jvp: argument 0 has shape \[2\], its direction \[3\]/,
    );
  });
});

describe('scan', () => {
  const recur =
    (w: Tensor, b: Tensor) =>
    (h: Tensor, x: Tensor): [Tensor, Tensor] => {
      const next = h.matmul(w).add(x).add(b).tanh();
      return [next, next.mul(2)];
    };
  /** The same loop, written out. */
  function unrolled(
    fn: (h: Tensor, x: Tensor) => [Tensor, Tensor],
    init: Tensor,
    xs: Tensor,
  ): [Tensor, Tensor] {
    let carry = init;
    const outputs = xs.unstack().map((x) => {
      const [next, output] = fn(carry, x);
      carry = next;
      return output;
    });
    return [carry, stack(outputs)];
  }
  const [w, b, h0, xs] = [numbers(3, 3), numbers(3), numbers(2, 3), numbers(5, 2, 3)];

  test('computes what the loop computes', async () => {
    const [last, outputs] = scan(recur(w, b), h0, xs);
    const [expectedLast, expectedOutputs] = unrolled(recur(w, b), h0, xs);
    expectClose(await last.data(), [...(await expectedLast.data())]);
    expectClose(await outputs.data(), [...(await expectedOutputs.data())]);
  });
  test('and has its gradients, for carry, sequence and surroundings', async () => {
    const loss = ([last, outputs]: [Tensor, Tensor]): Tensor => last.sum().add(outputs.square().sum());
    const inputs = [w, b, h0, xs];
    const run =
      (loop: typeof unrolled) =>
      (all: Tensor[]): Tensor => {
        const [p, q, r, s] = all as [Tensor, Tensor, Tensor, Tensor];
        return loss(loop(recur(p, q), r, s));
      };
    const [value, slopes] = valueAndGrad(run(scan))(inputs);
    const [expectedValue, expectedSlopes] = valueAndGrad(run(unrolled))(inputs);
    expect(await value.item()).toBeCloseTo(await expectedValue.item(), 4);
    for (const [i, slope] of slopes.entries())
      expectClose(await slope.data(), [...(await (expectedSlopes[i] as Tensor).data())], { absolute: 1e-4 });
  });
  test('in reverse', async () => {
    const [total, sums] = scan(
      (c: Tensor, x: Tensor) => [c.add(x), c.add(x)] as const,
      zeros([]),
      tensor([1, 2, 3]),
      {
        reverse: true,
      },
    );
    expect(await total.item()).toBe(6);
    expect(await sums.array()).toEqual([6, 5, 3]);
  });
  test('without a sequence, or without an output', async () => {
    const [power, none] = scan((c: Tensor) => [c.mul(2), undefined] as const, tensor(1), undefined, {
      length: 10,
    });
    expect(await power.item()).toBe(1024);
    expect(none).toBeUndefined();
  });
  test('of trees', async () => {
    const [state, out] = scan(
      (c: { a: Tensor; b: Tensor }, x: { u: Tensor; v: Tensor }) =>
        [{ a: c.a.add(x.u), b: c.b.mul(x.v) }, [c.a, c.b]] as const,
      { a: tensor(0), b: tensor(1) },
      { u: tensor([1, 2, 3]), v: tensor([4, 5, 6]) },
    );
    expect([await state.a.item(), await state.b.item()]).toEqual([6, 120]);
    expect(await out[1].array()).toEqual([1, 4, 20]);
  });
  test('inside a scan, with what both surround', async () => {
    const scale = new Parameter(tensor(2));
    const row = (total: Tensor, xs: Tensor): [Tensor, Tensor] => {
      const [sum] = scan(
        (c: Tensor, x: Tensor) => [c.add(x.mul(scale).mul(total)), c] as const,
        zeros([]),
        xs,
      );
      return [total.add(sum), sum];
    };
    const f = (): Tensor =>
      scan(
        row,
        ones([]),
        tensor([
          [1, 2],
          [3, 4],
        ]),
      )[0];
    // 1 → 1 + 3·2·1 = 7 → 7 + 7·2·7 = 105; d/ds (1 + 3s)(1 + 7s) = 10 + 42 s.
    expect(await f().item()).toBe(105);
    expect(await grad(f(), scale).item()).toBe(94);
  });
  test('inside a compiled function, with plain numbers in the body', async () => {
    const f = compile(
      (x: Tensor) => scan((c: Tensor, y: Tensor) => [c.mul(0.5).add(y), c] as const, zeros([]), x)[0],
    );
    expect(await f(tensor([1, 2, 4])).item()).toBe(5.25);
    expect(await f(tensor([0, 0, 4])).item()).toBe(4);
  });
  test('errors', () => {
    const keep = (c: Tensor, x: Tensor): [Tensor, Tensor] => [c, x];
    expect(() => scan(keep, zeros([]), [] as unknown as Tensor)).toThrow(/number of steps is undefined/);
    expect(() => scan(() => [zeros([2]), undefined] as const, zeros([3]), zeros([4]))).toThrow(
      /leaf 0 of the carry begins as float32 \[3\] and a step returns float32 \[2\]/,
    );
    expect(() => scan((c: Tensor) => [c, undefined] as const, zeros([]), [zeros([2]), zeros([3])])).toThrow(
      /a sequence of shape \[3\] has 3 steps where 2 are expected/,
    );
    expect(() => scan((c: Tensor) => [c.add(random.uniform([])), c] as const, zeros([]), zeros([2]))).toThrow(
      /draw random numbers before the loop/,
    );
  });
});
