/** Choosing among the ways to do a contraction: all are right, the choice is honoured, and what was measured is remembered. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TypedArray } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import { HostRandom } from '../../src/core/threefry.js';
import { compileGraph } from '../../src/compiler/program.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import type { CodeGenerator } from '../../src/runtime/code-generator.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { currentDevice, wasmDevice } from '../../src/runtime/devices.js';
import { setTuning } from '../../src/runtime/index.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { valueOf } from '../../src/runtime/storage.js';
import { TuningCache } from '../../src/runtime/tuning-cache.js';
import { tuner, tuningCache } from '../../src/runtime/tuning.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import type { Choose } from '../../src/targets/cpu/candidates.js';
import { printModule } from '../../src/targets/cpu/print.js';
import { ones } from '../../src/tensor/index.js';
import { randomValue, runOnReference } from '../support/device-agreement.js';
import { nativeMachines } from '../support/devices.js';

const random = new HostRandom(11);
const { memory } = wasmDevice();

/** Each code that can run here. */
const generators: readonly CodeGenerator[] = [
  wasmGenerator(memory.heap),
  ...nativeMachines().map((machine) => nativeGenerator(machine, memory.heap)),
];

const matmul = (a: Node, b: Node): Node =>
  g.dot(a, b, { batchA: [], batchB: [], contractA: [1], contractB: [0] });

interface Convolution {
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly kernel: number;
  readonly stride?: number;
}

function conv({ images, channels, filters, size, kernel, stride = 1 }: Convolution): Node {
  return g.conv(
    randomValue(random, [images, channels, size, size]),
    randomValue(random, [filters, channels, kernel, kernel]),
    {
      stride: [stride, stride],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      inputDilation: [1, 1],
      groups: 1,
    },
  );
}

/** The values of a graph, and the loops of its program. */
function compute(
  output: Node,
  generator: CodeGenerator,
  choose: Choose,
): { readonly values: TypedArray; readonly loops: string } {
  const device = new CpuDevice(memory, [generator]);
  const { inputs, scalars } = structureOf([output]);
  const program = device.compile({ inputs, scalars, outputs: [output], overwrites: [undefined] }, { choose });
  const place = memory.allocate(output.dtype, sizeOf(output.shape));
  program.run(inputs.map(valueOf), [], [place]);
  const values = memory.read(place);
  memory.free(place);
  const loops = printModule(program.compiled.code.module);
  program.free();
  return { values, loops };
}

/** The names of the candidates, and of the one that the estimate takes. */
function candidatesOf(output: Node, generator: CodeGenerator): string[] {
  let names: string[] = [];
  compute(output, generator, (_, candidates) => {
    names = candidates.map(({ name }) => name);
    return candidates[0];
  });
  return names;
}

const named =
  (wanted: string): Choose =>
  (_, candidates) =>
    candidates.find(({ name }) => name === wanted) ?? candidates[0];

const problems: readonly (readonly [string, () => Node])[] = [
  ['a matrix product', () => matmul(randomValue(random, [70, 65]), randomValue(random, [65, 90]))],
  ['one of few columns', () => matmul(randomValue(random, [130, 300]), randomValue(random, [300, 10]))],
  [
    'one with an epilogue',
    () =>
      g.unary(
        'tanh',
        matmul(randomValue(random, [33, 20], 'float32', 0.5), randomValue(random, [20, 47], 'float32', 0.5)),
      ),
  ],
  [
    'one of rows with rows',
    () => {
      const [a, b] = [randomValue(random, [6, 700]), randomValue(random, [9, 700])];
      return matmul(a, g.permute(b, [1, 0]));
    },
  ],
  ['a convolution of few channels', () => conv({ images: 3, channels: 3, filters: 6, size: 20, kernel: 5 })],
  ['one of short rows', () => conv({ images: 4, channels: 2, filters: 17, size: 13, kernel: 3 })],
  ['one with a stride', () => conv({ images: 2, channels: 5, filters: 20, size: 21, kernel: 3, stride: 2 })],
];

describe.each(generators.map((generator) => [generator.description, generator] as const))(
  'every candidate on %s is right',
  (_, generator) => {
    it.each(problems)('%s', (__, problem) => {
      const output = problem();
      const [expected] = runOnReference([output]);
      const names = candidatesOf(output, generator);
      expect(names.length).toBeGreaterThan(1);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) {
        const { values } = compute(output, generator, named(name));
        values.forEach((value, i) => {
          const wanted = expected?.[i] ?? Number.NaN;
          if (!(Math.abs(value - wanted) <= 2e-5 * Math.max(1, Math.abs(wanted))))
            expect.fail(`${name}: element ${i} is ${value}, should be ${wanted}`);
        });
      }
    });
  },
);

describe('choosing', () => {
  const output = conv({ images: 4, channels: 3, filters: 8, size: 20, kernel: 3 });

  it.each(generators.map((each) => [each.description, each] as const))(
    'is honoured on %s, and left to the estimate by default',
    (_, generator) => {
      const device = new CpuDevice(memory, [generator]);
      const { inputs, scalars } = structureOf([output]);
      const usual = device.compile({ inputs, scalars, outputs: [output], overwrites: [undefined] });
      const [first = '', ...others] = candidatesOf(output, generator);
      const loops = printModule(usual.compiled.code.module);
      usual.free();
      expect(compute(output, generator, named(first)).loops).toBe(loops);
      for (const name of others) expect(compute(output, generator, named(name)).loops, name).not.toBe(loops);
    },
  );
});

const freshFile = async (): Promise<string> =>
  join(await mkdtemp(join(tmpdir(), 'tuning-')), 'cache', 'tuning.json');

describe('the cache', () => {
  it('is read by the next process', async () => {
    const path = await freshFile();
    const cache = new TuningCache(path);
    cache.set('a machine', 'one', 'this way');
    cache.set('a machine', 'two', 'that way');
    cache.set('another', 'one', 'no way');
    await cache.saved();
    const next = new TuningCache(path);
    expect(next.size).toBe(3);
    expect(next.get('a machine', 'two')).toBe('that way');
    expect(next.get('another', 'two')).toBeUndefined();
  });

  it('keeps what other processes have saved meanwhile', async () => {
    const path = await freshFile();
    const [one, two] = [new TuningCache(path), new TuningCache(path)];
    expect([one.size, two.size]).toEqual([0, 0]);
    one.set('machine', 'one', 'this way');
    await one.saved();
    two.set('machine', 'two', 'that way');
    await two.saved();
    expect(new TuningCache(path).size).toBe(2);
  });

  it.each([
    ['damaged', '{"format": "tensorloom tuning", "vers'],
    ['empty', ''],
    ["somebody else's", '{"machines": {"machine": {"key": "way"}}}'],
    [
      'of another version',
      '{"format": "tensorloom tuning", "version": 999, "machines": {"machine": {"key": "way"}}}',
    ],
    [
      'of another shape',
      '{"format": "tensorloom tuning", "version": 1, "machines": {"machine": {"key": 1}, "b": null}}',
    ],
    ['no object', 'null'],
  ])('counts as empty if the file is %s, and replaces it', async (_, text) => {
    const path = join(await mkdtemp(join(tmpdir(), 'tuning-')), 'tuning.json');
    await writeFile(path, text);
    const cache = new TuningCache(path);
    expect(cache.size).toBe(0);
    cache.set('machine', 'key', 'this way');
    await cache.saved();
    expect(new TuningCache(path).get('machine', 'key')).toBe('this way');
  });

  it('does without a folder that cannot be written to', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'tuning-')), 'file');
    await writeFile(file, 'in the way');
    const path = join(file, 'tuning.json');
    const cache = new TuningCache(path);
    cache.set('machine', 'key', 'this way');
    await cache.saved();
    expect(cache.get('machine', 'key')).toBe('this way');
    expect(await readFile(file, 'utf8')).toBe('in the way');
  });

  it('works without a file', async () => {
    const cache = new TuningCache(undefined);
    cache.set('machine', 'key', 'this way');
    await cache.saved();
    expect(cache.get('machine', 'key')).toBe('this way');
  });
});

describe.each(generators.map((generator) => [generator.description, generator] as const))(
  'tuning on %s',
  (_, generator) => {
    const heavy = conv({ images: 8, channels: 3, filters: 32, size: 32, kernel: 5 });

    /** What is chosen for a graph's one contraction, among which names. */
    function chosen(output: Node, cache: TuningCache): { readonly name: string; readonly names: string[] } {
      const { inputs, scalars } = structureOf([output]);
      const graph = { inputs, scalars, outputs: [output], overwrites: [undefined] };
      const program = compileGraph(graph, generator.machine.traits);
      const choose = tuner({ program, generator, memory }, cache);
      let [name, names]: [string, string[]] = ['', []];
      const { generated } = new CpuDevice(memory, [generator]).generate(program, {
        choose: (kernel, candidates) => {
          const choice = choose(kernel, candidates);
          name = choice.name;
          names = candidates.map((each) => each.name);
          return choice;
        },
      });
      generated.free();
      return { name, names };
    }

    it('measures heavy kernels once', () => {
      const cache = new TuningCache(undefined);
      const first = chosen(heavy, cache);
      expect(first.names).toContain(first.name);
      expect(cache.size).toBe(1);
      const set = vi.spyOn(cache, 'set');
      expect(chosen(heavy, cache).name).toBe(first.name);
      expect(set).not.toHaveBeenCalled();
    });

    it('leaves light ones to the estimate', () => {
      const cache = new TuningCache(undefined);
      const { name, names } = chosen(
        conv({ images: 2, channels: 3, filters: 8, size: 14, kernel: 5 }),
        cache,
      );
      expect(name).toBe(names[0]);
      expect(cache.size).toBe(0);
    });

    it('does what the file says, unless there is no such way', async () => {
      const path = await freshFile();
      const cache = new TuningCache(path);
      const { names } = chosen(heavy, cache);
      await cache.saved();
      const text = await readFile(path, 'utf8');
      const say = async (name: string): Promise<TuningCache> => {
        const kept = JSON.parse(text) as { machines: Record<string, Record<string, string>> };
        for (const choices of Object.values(kept.machines))
          for (const key of Object.keys(choices)) choices[key] = name;
        await writeFile(path, JSON.stringify(kept));
        return new TuningCache(path);
      };
      for (const name of names) expect(chosen(heavy, await say(name)).name).toBe(name);
      const stale = await say('by magic');
      expect(names).toContain(chosen(heavy, stale).name);
    });

    it('goes without measurements where there is no room for them', () => {
      const cache = new TuningCache(undefined);
      const reserve = vi.spyOn(memory.heap, 'allocate').mockImplementation(() => {
        throw new Error('measured all the same');
      });
      try {
        const { inputs, scalars } = structureOf([heavy]);
        const { buffers, ...rest } = compileGraph(
          { inputs, scalars, outputs: [heavy], overwrites: [undefined] },
          generator.machine.traits,
        );
        const vast = { ...rest, buffers: buffers.map((info) => ({ ...info, size: 2 ** 28 })) };
        const choose = tuner({ program: vast, generator, memory }, cache);
        const { generated } = new CpuDevice(memory, [generator]).generate(vast, {
          choose: (kernel, candidates) => {
            expect(choose(kernel, candidates)).toBe(candidates[0]);
            return candidates[0];
          },
        });
        generated.free();
      } finally {
        reserve.mockRestore();
      }
      expect(cache.size).toBe(0);
    });
  },
);

describe('setTuning', () => {
  afterEach(() => {
    setTuning(false);
    vi.unstubAllEnvs();
  });

  it('decides whether anything is measured, and keeps results the same with one file', async () => {
    vi.stubEnv('TENSORLOOM_CACHE', await mkdtemp(join(tmpdir(), 'tuning-')));
    const a = ones([301, 303]).div(3);
    const b = ones([303, 311]).div(7);
    const untuned = await a.matmul(b).data();
    const { path = '' } = tuningCache();
    expect(existsSync(path)).toBe(false);
    setTuning(true);
    const tuned = await a.matmul(b).data();
    await tuningCache().saved();
    expect(existsSync(path)).toBe(true);
    expect(tuningCache().size).toBeGreaterThan(0);
    expect(currentDevice().name).not.toBe('reference');
    tuned.forEach((value, i) => {
      expect(Math.abs(value - (untuned[i] ?? Number.NaN))).toBeLessThan(2e-5 * Math.abs(value));
    });
    expect(await a.matmul(b).data()).toEqual(tuned);
  });
});
