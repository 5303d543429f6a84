import { chmod, chown, mkdir, mkdtemp, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { CpuMemory } from '../../src/runtime/cpu-memory.js';
import { keptPrograms, setProgramCache } from '../../src/runtime/kept-programs.js';
import { CodeRefused } from '../../src/runtime/native/code-memory.js';
import { nativeMachine } from '../../src/runtime/native/native-machine.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { ProgramFiles, type KeptProgram } from '../../src/runtime/program-files.js';
import { valueOf } from '../../src/runtime/storage.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import { Unsupported } from '../../src/targets/native/native-code.js';
import type { CodeGenerator } from '../../src/runtime/code-generator.js';
import { HostRandom } from '../../src/core/threefry.js';
import { Tensor } from '../../src/tensor/index.js';
import { randomValue } from '../support/device-agreement.js';

const freshFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'programs-'));

/** Some program; its bytes need not run. */
const program = (size = 100): KeptProgram => ({
  plan: {
    layout: {
      frames: [{ at: 64, to: 0 }],
      prepare: 0,
      scratch: 4,
      timeline: 8,
      scalars: 16,
      barrier: 128,
      counters: 192,
      counterBytes: 64,
      bytes: 256,
    },
    buffers: [
      { kind: 'input', index: 0 },
      { kind: 'temporary', offset: 64 },
    ],
    inputBytes: [400],
    scalars: ['float32'],
    arenaBytes: 128,
    preparedBytes: 0,
    preparedFrom: { inputs: [0], scalars: [] },
    scratchBytes: 64,
    parallel: true,
  },
  code: { bytes: new Uint8Array(size).map((_, i) => i), entries: new Map([['run', 16]]) },
});

const LONG = 1000;

async function kept(folder: string): Promise<string> {
  const files = new ProgramFiles(folder, 'build');
  files.put('machine', 'graph', program(), LONG);
  await files.saved();
  return files.list()[0]?.path ?? '';
}

const found = (folder: string): KeptProgram | undefined =>
  new ProgramFiles(folder, 'build').get('machine', 'graph');

const sizes = (files: ProgramFiles): number[] => files.list().map(({ bytes }) => bytes);

describe('a file of a program', () => {
  it('gives the program back', async () => {
    const folder = await freshFolder();
    await kept(folder);
    const { plan, code } = program();
    const back = found(folder);
    expect(back?.plan).toEqual(plan);
    expect(new Uint8Array(back?.code.bytes ?? [])).toEqual(code.bytes);
    expect(back?.code.entries).toEqual(code.entries);
  });

  it('is for one build, one kind of code and one graph', async () => {
    const folder = await freshFolder();
    await kept(folder);
    const files = new ProgramFiles(folder, 'build');
    expect(files.get('machine', 'graph')).toBeDefined();
    expect(files.get('machine', 'graph2')).toBeUndefined();
    expect(files.get('machineg', 'raph')).toBeUndefined();
    expect(new ProgramFiles(folder, 'other').get('machine', 'graph')).toBeUndefined();
  });

  it('is not written for what is made at once', async () => {
    const files = new ProgramFiles(await freshFolder(), 'build');
    files.put('machine', 'graph', program(), 1);
    await files.saved();
    expect(files.list()).toEqual([]);
  });

  it('counts as missing if it is damaged, and is written anew', async () => {
    const folder = await freshFolder();
    const path = await kept(folder);
    const whole = await readFile(path);
    for (const length of [0, 10, 22, 60, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      expect(found(folder)).toBeUndefined();
    }
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(path, damaged);
      expect(found(folder)).toBeUndefined();
    }
    await writeFile(path, Buffer.concat([whole, Buffer.from('x')]));
    expect(found(folder)).toBeUndefined();
    await kept(folder);
    expect(found(folder)).toBeDefined();
  });

  it('counts as missing under another name', async () => {
    const folder = await freshFolder();
    const other = new ProgramFiles(folder, 'build');
    other.put('machine', 'other graph', program(), LONG);
    await other.saved();
    const [stranger] = other.list();
    const path = await kept(folder);
    await writeFile(path, await readFile(stranger?.path ?? ''));
    expect(found(folder)).toBeUndefined();
  });

  it('counts as missing if it is a folder', async () => {
    const folder = await freshFolder();
    const path = await kept(folder);
    const elsewhere = await freshFolder();
    await mkdir(join(elsewhere, path.slice(folder.length)));
    expect(found(elsewhere)).toBeUndefined();
  });

  it.skipIf(process.platform === 'win32')(
    'counts as missing if it is a pipe that nobody writes to',
    async () => {
      const folder = await freshFolder();
      const path = await kept(folder);
      const elsewhere = await freshFolder();
      execFileSync('mkfifo', [join(elsewhere, path.slice(folder.length))]);
      expect(found(elsewhere)).toBeUndefined();
    },
  );

  it.skipIf(process.platform === 'win32')('is not run if others may have written it', async () => {
    const folder = await freshFolder();
    const path = await kept(folder);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    for (const mode of [0o620, 0o602, 0o666]) {
      await chmod(path, mode);
      expect(found(folder)).toBeUndefined();
    }
    await chmod(path, 0o644);
    expect(found(folder)).toBeDefined();
  });

  it.skipIf(process.getuid?.() !== 0)('is not run if it belongs to somebody else', async () => {
    const folder = await freshFolder();
    const path = await kept(folder);
    await chown(path, 12345, 0);
    expect(found(folder)).toBeUndefined();
  });
});

describe('a folder of programs', () => {
  it('that cannot be made only means that nothing is kept', async () => {
    const folder = await freshFolder();
    await writeFile(join(folder, 'file'), '');
    const files = new ProgramFiles(join(folder, 'file', 'programs'), 'build');
    files.put('machine', 'graph', program(), LONG);
    await files.saved();
    expect(files.get('machine', 'graph')).toBeUndefined();
    expect(files.list()).toEqual([]);
  });

  it('loses what was not used for the longest when it is full', async () => {
    const folder = await freshFolder();
    const files = new ProgramFiles(folder, 'build', 5000);
    const put = async (key: string): Promise<void> => {
      files.put('machine', key, program(1500), LONG);
      await files.saved();
    };
    await put('a');
    await put('b');
    for (const [age, { path }] of files.list().entries()) {
      const time = new Date(Date.now() - 100_000 * (age + 1));
      await utimes(path, time, time);
    }
    // The older of the two is used.
    const [, older] = files.list();
    const key = (await readFile(older?.path ?? '')).length > 0 && files.get('machine', 'a') ? 'a' : 'b';
    expect(key).toBe('a');
    await expect.poll(() => files.list()[0]?.usedAt).toBeGreaterThan(Date.now() - 50_000);
    await put('c');
    expect(sizes(files)).toHaveLength(2);
    expect(files.get('machine', 'a')).toBeDefined();
    expect(files.get('machine', 'b')).toBeUndefined();
    expect(files.get('machine', 'c')).toBeDefined();
  });
});

describe('programs of this process', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    setProgramCache(true);
  });

  it('are not kept by sources that have not been built', () => {
    expect(keptPrograms()).toBeUndefined();
  });

  it('are kept or not as the environment says, if it says something that makes sense', () => {
    vi.stubEnv('TENSORLOOM_PROGRAM_CACHE', 'off');
    expect(keptPrograms()).toBeUndefined();
    vi.stubEnv('TENSORLOOM_PROGRAM_CACHE', 'no');
    expect(keptPrograms).toThrow(/TENSORLOOM_PROGRAM_CACHE is 'no'.*\n.*use on or off/);
    setProgramCache(false);
    expect(keptPrograms()).toBeUndefined();
  });
});

/** Enough work that it takes a while to make. */
function heavyGraph(): Node {
  const random = new HostRandom(7);
  let x = new Tensor(randomValue(random, [2, 16, 20, 20]));
  for (let layer = 0; layer < 3; layer++) {
    const weight = new Tensor(randomValue(random, [16, 16, 3, 3], 'float32', 0.1));
    x = x.conv2d(weight, undefined, { padding: 1 }).tanh();
  }
  return x.sum([0, 2, 3]).softmax().node;
}

const memory = new CpuMemory();
afterAll(() => {
  memory.pool.close();
});

const machine = nativeMachine();
const generators: CodeGenerator[] = [
  wasmGenerator(memory.heap),
  ...(typeof machine === 'string' ? [] : [nativeGenerator(machine, memory.heap)]),
];

describe.each(generators.map((each) => [each.name, each] as const))('a device of %s code', (_, generator) => {
  /** A device that counts what it encodes. */
  function deviceOver(
    files: ProgramFiles,
    changed: Partial<CodeGenerator> = {},
  ): { device: CpuDevice; encoded: () => number } {
    let encoded = 0;
    const counting: CodeGenerator = {
      ...generator,
      encode: (module) => {
        encoded++;
        return generator.encode(module);
      },
      ...changed,
    };
    return {
      device: new CpuDevice(memory, [counting, wasmGenerator(memory.heap)], { files: () => files }),
      encoded: () => encoded,
    };
  }

  function resultOf(device: CpuDevice, output: Node): { code: string; result: readonly number[] } {
    const { inputs, scalars, key } = structureOf([output]);
    const program = device.program({ inputs, scalars, outputs: [output], overwrites: [undefined] }, key);
    const place = memory.allocate('float32', sizeOf(output.shape));
    program.run(inputs.map(valueOf), [], [place]);
    const result = Array.from(memory.read(place));
    memory.free(place);
    program.free();
    return { code: program.compiled.generator.name, result };
  }

  it('takes programs that another one has made, with the same results', async () => {
    const files = new ProgramFiles(await freshFolder(), 'build');
    const graph = heavyGraph();
    const first = deviceOver(files);
    const expected = resultOf(first.device, graph);
    expect(expected.code).toBe(generator.name);
    expect(first.encoded()).toBe(1);
    await files.saved();
    expect(files.list()).toHaveLength(1);
    const second = deviceOver(new ProgramFiles(files.folder, 'build'));
    expect(resultOf(second.device, graph)).toEqual(expected);
    expect(second.encoded()).toBe(0);
    // Another kind of code must not get it.
    const third = deviceOver(files, { identity: 'another machine' });
    expect(resultOf(third.device, graph)).toEqual(expected);
    expect(third.encoded()).toBe(1);
  });

  it('does without where code cannot be placed or made, and does not keep what others made instead', async () => {
    const files = new ProgramFiles(await freshFolder(), 'build');
    const graph = heavyGraph();
    const { result } = resultOf(deviceOver(files).device, graph);
    await files.saved();
    const refusing = deviceOver(files, {
      place: () => {
        throw new CodeRefused('no');
      },
    });
    const other = resultOf(refusing.device, graph);
    expect(other.code).toBe('wasm');
    other.result.forEach((each, i) => {
      expect(each).toBeCloseTo(result[i] ?? Number.NaN, 5);
    });
    const empty = new ProgramFiles(await freshFolder(), 'build');
    const unable = deviceOver(empty, {
      encode: () => {
        throw new Unsupported('no');
      },
    });
    expect(resultOf(unable.device, graph).code).toBe('wasm');
    await empty.saved();
    expect(empty.list()).toEqual([]);
  });
});
