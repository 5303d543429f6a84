/** What depends on steady inputs alone is computed when they have changed, and only then. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import {
  compile,
  inspect,
  nn,
  optim,
  grad,
  setDevice,
  setSeed,
  setThreads,
  tensor,
  threadCount,
} from '../../src/index.js';
import { scan, Variable, ones, type Tensor } from '../../src/index.js';
import type { CpuDevice } from '../../src/runtime/cpu-device.js';
import { HostStorage, setValue, valueOf } from '../../src/runtime/storage.js';
import { runOnCpu } from '../support/device-agreement.js';
import { cpuDevices, usableDevices } from '../support/devices.js';
import { randomGraph } from '../support/random-graph.js';

/** Runs a graph with two inputs of three steady: twice, and again after each steady input has got a new value. Compares with programs that take nothing for steady. */
function expectAgreementWhenChanging(outputs: readonly Node[], device: CpuDevice): { prepared: number } {
  const { memory } = device;
  const { inputs, scalars } = structureOf(outputs);
  const steady = inputs.map((_, i) => i % 3 !== 2);
  const program = device.compile({
    inputs,
    scalars,
    outputs,
    overwrites: outputs.map(() => undefined),
    steady,
  });
  const places = outputs.map((node) => memory.allocate(node.dtype, sizeOf(node.shape)));
  const numbers = scalars.map((node) => node.attributes.cell.value);
  const check = (when: string): void => {
    const expected = runOnCpu(outputs, device).results;
    program.run(inputs.map(valueOf), numbers, places);
    places.forEach((place, i) => {
      const actual = memory.read(place);
      expect(actual, `${device.description}, ${when}, output ${i}`).toEqual(expected[i]);
    });
  };
  try {
    check('first run');
    check('second run');
    inputs.forEach((node, i) => {
      if (steady[i] !== true) return;
      const { data } = valueOf(node) as HostStorage;
      // Another value of the same kind: the elements the other way round.
      setValue(node, new HostStorage(node.dtype, data.slice().reverse()));
      check(`steady input ${i} changed`);
    });
    check('last run');
    return { prepared: program.compiled.kernels.preparation.flat().length };
  } finally {
    for (const place of places) memory.free(place);
    program.free();
  }
}

describe('random graphs', () => {
  it('give the same with steady inputs, whatever changes', () => {
    let prepared = 0;
    for (const size of [6, 25, 60])
      for (let seed = 0; seed < 12; seed++)
        for (const device of cpuDevices())
          prepared += expectAgreementWhenChanging(randomGraph(seed * 100 + size, size), device).prepared;
    expect(prepared).toBeGreaterThan(50);
  });
});

const before = threadCount();
afterAll(() => {
  setDevice('auto');
  setThreads(before);
});

describe.each(usableDevices())('on %s', (device) => {
  beforeAll(() => {
    setDevice(device);
  });

  it.each([1, 2, 4])(
    'a network that is trained between predictions predicts as it is now, with %i threads',
    async (threads) => {
      setThreads(threads);
      setSeed(3);
      const model = new nn.Sequential(
        new nn.Conv2d(16, 16, 3, { padding: 1 }),
        new nn.BatchNorm2d(16),
        nn.relu,
        new nn.Conv2d(16, 16, 3),
        nn.relu,
        new nn.Flatten(),
        new nn.Linear(16 * 10 * 10, 4),
      );
      const x = tensor(
        Float32Array.from({ length: 2 * 16 * 144 }, (_, i) => Math.sin(i)),
        { shape: [2, 16, 12, 12] },
      );
      const predict = compile((input: Tensor) => model.forward(input));
      const optimizer = optim.sgd({ lr: 0.05, momentum: 0.9 }).for(model);
      const train = compile((input: Tensor) => {
        const loss = model.forward(input).square().mean();
        optimizer.step(grad(loss, model.parameters()));
        return loss;
      });
      let last: number[] = [];
      for (let round = 0; round < 4; round++) {
        model.eval();
        // Outside of compiled functions nothing is kept.
        const wanted = ((await model.forward(x).array()) as number[][]).flat();
        expect(wanted).not.toEqual(last);
        for (let again = 0; again < 3; again++) {
          const found = ((await predict(x).array()) as number[][]).flat();
          found.forEach((each, i) => expect(each).toBeCloseTo(wanted[i] as number, 4));
        }
        last = wanted;
        model.train();
        // Once into spare memory, once in place.
        for (let step = 0; step <= round; step++) await train(x).item();
      }
    },
  );

  it("two models of one structure do not get each other's values", async () => {
    const scale = (by: number) => {
      const weight = new Variable(ones([40]).mul(by));
      return { weight, apply: compile((x: Tensor) => x.mul(weight.exp().cumsum(0))) };
    };
    const [one, two] = [scale(0), scale(1)];
    const x = ones([40]);
    const last = async ({ apply }: typeof one): Promise<number> =>
      ((await apply(x).array()) as number[])[39] as number;
    for (let round = 0; round < 3; round++) {
      expect(await last(one)).toBeCloseTo(40, 3);
      expect(await last(two)).toBeCloseTo(40 * Math.E, 3);
    }
    one.weight.assign(two.weight);
    expect(await last(one)).toBeCloseTo(40 * Math.E, 3);
    one.weight.assign(ones([40]).mul(0));
    expect(await last(one)).toBeCloseTo(40, 3);
    expect(await last(two)).toBeCloseTo(40 * Math.E, 3);
  });
});

describe('what is prepared', () => {
  beforeAll(() => {
    setDevice('auto');
  });
  const weight = new Variable(ones([64]));
  const kernels = (fn: (x: Tensor) => unknown): string => {
    const compiled = compile(fn);
    compiled(ones([64]));
    return inspect(compiled).kernels;
  };

  it('is what variables alone decide', () => {
    expect(kernels((x) => x.mul(weight.cumsum(0)))).toContain('preparation');
    expect(kernels((x) => x.add(weight).cumsum(0))).not.toContain('preparation');
  });
  it('is nothing that the function itself assigns', () => {
    expect(
      kernels((x) => {
        const result = x.mul(weight.cumsum(0));
        weight.assign(weight.mul(1));
        return result;
      }),
    ).not.toContain('preparation');
  });
  it('is no result', () => {
    expect(kernels(() => weight.cumsum(0))).not.toContain('preparation');
  });
  it('may be a loop', async () => {
    const run = compile((x: Tensor) => {
      const [last] = scan(
        (total: Tensor, w: Tensor) => [total.mul(0.5).add(w), total],
        weight.sum().mul(0),
        weight,
      );
      return x.mul(last);
    });
    expect(
      await run(ones([64]))
        .sum()
        .item(),
    ).toBeCloseTo(128, 4);
    expect(inspect(run).kernels).toContain('preparation');
    weight.assign(ones([64]).mul(2));
    expect(
      await run(ones([64]))
        .sum()
        .item(),
    ).toBeCloseTo(256, 4);
    weight.assign(ones([64]));
  });
  it('is a matrix turned once for few rows, and not kept twice for many', async () => {
    const layer = new nn.Linear(70, 40);
    const forward = compile((x: Tensor) => layer.forward(x));
    const kernelsFor = async (rows: number): Promise<string> => {
      const x = tensor(
        Float32Array.from({ length: rows * 70 }, (_, i) => Math.cos(i)),
        { shape: [rows, 70] },
      );
      const wanted = ((await layer.forward(x).array()) as number[][]).flat();
      ((await forward(x).array()) as number[][])
        .flat()
        .forEach((each, i) => expect(each).toBeCloseTo(wanted[i] as number, 5));
      return inspect(forward, x).kernels;
    };
    for (const rows of [4, 17, 64]) expect(await kernelsFor(rows)).toContain('preparation');
    for (const rows of [1, 65]) expect(await kernelsFor(rows)).not.toContain('preparation');
  });
  it('takes no time in a profile', async () => {
    const run = compile((x: Tensor) => x.mul(weight.cumsum(0)));
    run(ones([64]));
    const { kernels: profiles, spans } = await inspect(run).profile({ repeats: 2 });
    const prepared = profiles.filter(({ runs }) => runs === 0);
    expect(prepared.map(({ name, milliseconds, flops }) => ({ name, milliseconds, flops }))).toEqual([
      { name: 'cumsum', milliseconds: 0, flops: 0 },
    ]);
    expect(spans.some(({ kernel }) => profiles[kernel]?.runs === 0)).toBe(false);
  });
});
