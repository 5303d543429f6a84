import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { KernelCost } from '../../src/compiler/cost.js';
import { ArgumentError } from '../../src/core/errors.js';
import {
  compile,
  grad,
  inspect,
  nn,
  optim,
  scan,
  setDevice,
  setThreads,
  tensor,
  threadCount,
  Variable,
  zeros,
  type Profile,
  type Tensor,
} from '../../src/index.js';
import { shareTime } from '../../src/runtime/profile.js';
import { roofOf, type Ceilings } from '../../src/runtime/roofline.js';
import { usableDevices } from '../support/devices.js';

const threadsBefore = threadCount();
const inMemory = (...shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), { shape });

beforeEach(() => {
  setDevice('wasm');
});
afterAll(() => {
  setDevice('auto');
  setThreads(threadsBefore);
});

/** What holds of every profile. */
function check({ kernels, spans, milliseconds, idleMilliseconds, threads, ceilings }: Profile): void {
  expect(ceilings.gigaflopsPerSecond).toBeGreaterThan(0);
  for (const { begin, end, kernel, thread } of spans) {
    expect(begin).toBeGreaterThanOrEqual(0);
    expect(end).toBeGreaterThanOrEqual(begin);
    expect(end).toBeLessThanOrEqual(milliseconds);
    expect(kernels[kernel]).toBeDefined();
    expect(thread).toBeLessThan(threads);
  }
  const busy = kernels.reduce((sum, each) => sum + each.milliseconds, 0);
  expect(busy + idleMilliseconds).toBeCloseTo(milliseconds, 6);
}

describe('the profile of a computation', () => {
  it.each(usableDevices().filter((name) => name !== 'reference'))(
    'has a row for each kernel and what it costs: %s',
    async (device) => {
      setDevice(device);
      const [a, b] = [inMemory(60, 50), inMemory(50, 40)];
      const profile = await inspect(a.matmul(b).sum()).profile({ repeats: 3 });
      check(profile);
      expect(profile.target).toBe(device);
      const [product, ...others] = profile.kernels;
      expect(product).toMatchObject({
        kind: 'contraction',
        flops: 2 * 60 * 50 * 40,
        bytesRead: 4 * (60 * 50 + 50 * 40),
        runs: 1,
      });
      expect(others.every(({ kind }) => kind === 'reduction')).toBe(true);
      expect(product?.milliseconds).toBeGreaterThan(0);
      expect(product?.gigaflopsPerSecond).toBeCloseTo(
        (2 * 60 * 50 * 40) / (product?.milliseconds ?? 0) / 1e6,
        6,
      );
      expect([...new Set(profile.spans.map(({ kernel }) => kernel))]).toEqual(
        profile.kernels.map((_, i) => i),
      );
    },
  );

  it('runs a compiled function with the arguments given, which it need not have been called with', async () => {
    const double = compile((x: Tensor) => x.mul(2));
    const { kernels } = await inspect(double, inMemory(8, 10)).profile({ repeats: 1 });
    expect(kernels.map(({ bytesRead }) => bytesRead)).toEqual([320]);
  });

  it('without arguments it runs as it was last called', async () => {
    const double = compile((x: Tensor) => x.mul(2));
    await double(inMemory(8, 10)).data();
    const { kernels } = await inspect(double).profile({ repeats: 1 });
    expect(kernels.map(({ bytesRead }) => bytesRead)).toEqual([320]);
    expect(() => inspect(compile((x: Tensor) => x.neg()))).toThrow(ArgumentError);
  });

  it('changes no variable', async () => {
    const layer = new nn.Linear(4, 1);
    const optimizer = optim.adam({ lr: 0.1 }).for(layer);
    const counter = new Variable(zeros([]));
    const step = compile((x: Tensor) => {
      counter.assign(counter.add(1));
      const loss = layer.forward(x).sum();
      optimizer.step(grad(loss, layer.parameters()));
      return loss;
    });
    const x = inMemory(8, 4);
    await step(x).item();
    const before = await layer.weight.array();
    check(await inspect(step, x).profile({ repeats: 2 }));
    expect(await layer.weight.array()).toEqual(before);
    expect(await counter.item()).toBe(1);
    await step(x).item();
    expect(await counter.item()).toBe(2);
  });

  it('counts every run of the kernels of a scan', async () => {
    const sums = compile((x: Tensor) =>
      scan(
        (total: Tensor, each: Tensor): [Tensor, Tensor] => [total.add(each), total.exp()],
        zeros([10]),
        x,
      )[1].sum(),
    );
    const profile = await inspect(sums, inMemory(30, 10)).profile({ repeats: 1 });
    check(profile);
    const looped = profile.kernels.findIndex(({ runs }) => runs === 30);
    expect(looped).toBeGreaterThanOrEqual(0);
    expect(profile.spans.filter(({ kernel }) => kernel === looped)).toHaveLength(30);
    expect(profile.kernels[looped]?.flops).toBe(30 * 20);
    expect(profile.lostSpans).toBe(0);
  });

  it.each([1, 2, 3])('shows the work of %i threads', async (threads) => {
    setThreads(threads);
    const profile = await inspect(inMemory(400, 300).matmul(inMemory(300, 200))).profile({ repeats: 2 });
    check(profile);
    expect(profile.threads).toBe(threads);
    setThreads(threadsBefore);
  });

  it('takes the time on the processor where the device is the reference', async () => {
    setDevice('reference');
    check(await inspect(inMemory(10).neg()).profile({ repeats: 1 }));
  });

  it('runs at least once', async () => {
    await expect(inspect(inMemory(10).neg()).profile({ repeats: 0 })).rejects.toThrow(ArgumentError);
  });
});

describe('shareTime', () => {
  const span = (kernel: number, thread: number, begin: number, end: number): Profile['spans'][number] => ({
    kernel,
    thread,
    begin,
    end,
  });

  it.each<[string, Profile['spans'], number[]]>([
    ['gives a kernel its time', [span(0, 0, 1, 3)], [2]],
    ['counts threads that work on one kernel once', [span(0, 0, 1, 3), span(0, 1, 1, 3)], [2]],
    ['counts the time in which threads wait for the last one', [span(0, 0, 0, 1), span(0, 1, 0, 4)], [4]],
    ['shares the time of kernels that run together', [span(0, 0, 0, 2), span(1, 1, 1, 3)], [1.5, 1.5]],
    ['shares it by threads', [span(0, 0, 0, 3), span(1, 1, 0, 3), span(1, 2, 0, 3)], [1, 2]],
    ['adds up what lies apart', [span(0, 0, 0, 1), span(1, 0, 1, 2), span(0, 0, 5, 6)], [2, 1]],
    ['gives nothing to a kernel that did not run', [], [0]],
  ])('%s', (_, spans, times) => {
    const shared = shareTime(spans, times.length);
    times.forEach((time, i) => expect(shared[i]).toBeCloseTo(time, 9));
  });
});

describe('roofOf', () => {
  const ceilings: Ceilings = {
    gigaflopsPerSecond: 100,
    memory: [
      { bytes: 1e3, copyGigabytesPerSecond: 100, readGigabytesPerSecond: 50 },
      { bytes: 1e6, copyGigabytesPerSecond: 10, readGigabytesPerSecond: 20 },
    ],
  };
  const cost = (executedFlops: number, bytesRead: number, bytesWritten: number): KernelCost => ({
    flops: 10 * executedFlops,
    executedFlops,
    bytesRead,
    bytesWritten,
  });

  it.each<[string, KernelCost, string, number]>([
    ['arithmetic, by what is carried out', cost(1e8, 10, 10), 'arithmetic', 1],
    ['copying, beyond the largest size', cost(0, 1e7, 1e7), 'memory', 2],
    ['reading alone', cost(0, 2e7, 0), 'memory', 1],
    ['reading more than is written', cost(0, 2e7, 1e7), 'memory', 2.5],
    ['the first cache', cost(0, 50, 50), 'memory', 1e-6],
    ['half way between two caches', cost(0, 10 ** 4.5 / 2, 10 ** 4.5 / 2), 'memory', 10 ** 4.5 / 55e6],
    ['nothing at all', cost(0, 0, 0), 'arithmetic', 0],
  ])('%s', (_, given, limit, milliseconds) => {
    const roof = roofOf(given, ceilings);
    expect(roof.limit).toBe(limit);
    expect(roof.milliseconds).toBeCloseTo(milliseconds, 9);
  });
});
