import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import { CpuDevice, type InspectableProgram } from '../../src/runtime/cpu-device.js';
import { CpuMemory } from '../../src/runtime/cpu-memory.js';
import { ProgramRefused } from '../../src/runtime/device.js';
import {
  findNativeMachine,
  surroundings,
  type NativeMachine,
  type Surroundings,
} from '../../src/runtime/native/native-machine.js';
import { systemPages, type Pages } from '../../src/runtime/native/pages.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { valueOf, type DeviceStorage } from '../../src/runtime/storage.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import { value } from '../support/device-agreement.js';
import { CAN_RUN_X64, fakeTarget } from '../support/fake-native.js';

/** Enough for several threads. */
const LENGTH = 100_003;

/** The machine of this process, but for what is given. */
function find(given: Partial<Surroundings>): NativeMachine | string {
  const around = surroundings();
  if (around === undefined) throw new Error('tests run in Node');
  return findNativeMachine({ ...around, cpu: '', ...given });
}

function machineWith(given: Partial<Surroundings> = {}, refuses?: () => boolean): NativeMachine {
  const machine = find({ detect: () => fakeTarget(LENGTH, refuses), ...given });
  if (typeof machine === 'string') throw new Error(machine);
  return machine;
}

const memories: CpuMemory[] = [];

/** A device of hand-written code, with WebAssembly behind it. */
function deviceOn(machine: NativeMachine, memory = new CpuMemory()): CpuDevice {
  memories.push(memory);
  return new CpuDevice(memory, [nativeGenerator(machine, memory.heap), wasmGenerator(memory.heap)]);
}

afterEach(() => {
  for (const memory of memories.splice(0)) memory.pool.close();
});

/** A graph that asks for twice its input, compiled. */
class Doubling {
  program: InspectableProgram;
  private readonly device: CpuDevice;
  private readonly input: Node;
  private readonly output: Node;

  constructor(device: CpuDevice, input: Float32Array = new Float32Array(LENGTH).map((_, i) => i)) {
    this.device = device;
    this.input = value(input, [input.length]);
    this.output = g.times(this.input, 2);
    this.program = this.compile();
  }

  private compile(): InspectableProgram {
    const { inputs, scalars } = structureOf([this.output]);
    return this.device.compile({ inputs, scalars, outputs: [this.output], overwrites: [undefined] });
  }

  /** The factor that the program gives, if it is the same for all elements. */
  factor(): number {
    const { memory } = this.device;
    const place = memory.allocate('float32', LENGTH);
    this.into(place);
    const result = memory.read(place);
    memory.free(place);
    const factor = (result[1] ?? Number.NaN) / 1;
    result.forEach((each, i) => {
      if (each !== factor * i) expect.fail(`element ${i} is ${each}, not ${factor * i}`);
    });
    return factor;
  }

  into(place: DeviceStorage, input = valueOf(this.input)): void {
    try {
      this.program.run([input], [], [place]);
    } catch (error) {
      if (!(error instanceof ProgramRefused)) throw error;
      this.program.free();
      this.program = this.compile();
      this.program.run([input], [], [place]);
    }
  }
}

/** What hand-written code gives, and what WebAssembly does. */
const [NATIVE, WASM] = [3, 2];

describe.runIf(CAN_RUN_X64)('machine code', () => {
  test('runs on all threads over the heap', async () => {
    const device = deviceOn(machineWith());
    expect(device).toMatchObject({ name: 'native', description: 'by hand (8 lanes)' });
    const doubling = new Doubling(device);
    expect(doubling.program.compiled.code.parallel).toBe(true);
    expect(doubling.factor()).toBe(NATIVE);
    await device.memory.pool.ready();
    for (let i = 0; i < 100; i++) expect(doubling.factor()).toBe(NATIVE);
  });

  test('goes on with fewer threads when a thread is killed', async () => {
    const device = deviceOn(machineWith());
    const doubling = new Doubling(device);
    const { pool } = device.memory;
    await pool.ready();
    expect(doubling.factor()).toBe(NATIVE);
    const { workers } = pool as unknown as { workers: { thread: { terminate(): void } }[] };
    workers.forEach(({ thread }) => {
      thread.terminate();
    });
    workers.length = 0;
    expect(pool.readyThreads).toBe(1);
    expect(doubling.factor()).toBe(NATIVE);
  });

  test('shares values with WebAssembly on the same memory, without a copy', () => {
    const memory = new CpuMemory();
    const native = deviceOn(machineWith(), memory);
    const wasm = new CpuDevice(memory, [wasmGenerator(memory.heap)]);
    const place = memory.allocate('float32', LENGTH);
    memory.write(
      place,
      new Float32Array(LENGTH).map((_, i) => i),
    );
    const end = memory.allocate('float32', LENGTH);
    const read = vi.spyOn(memory, 'read');
    const kept = vi.spyOn(memory, 'kept');
    new Doubling(native).into(place, place);
    new Doubling(wasm).into(end, place);
    expect(read).not.toHaveBeenCalled();
    expect(kept).not.toHaveBeenCalled();
    expect(memory.read(end)[1]).toBe(NATIVE * WASM);
  });

  test.runIf(existsSync('/sys/kernel/mm/transparent_hugepage'))('runs over a heap of huge pages', () => {
    const machine = machineWith();
    const { heap } = deviceOn(machine).memory;
    const start = machine.koffi.address(new Uint8Array(heap.buffer)).toString(16);
    const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    expect(mappings.find((each) => each.startsWith(`${start}-`))).toMatch(/VmFlags:.* hg/);
  });

  test('is freed with its program', () => {
    const machine = machineWith();
    const device = deviceOn(machine);
    const before = machine.code.bytesInUse;
    const doublings = Array.from({ length: 200 }, () => new Doubling(device, new Float32Array(LENGTH)));
    expect(machine.code.bytesInUse - before).toBe(200 * 4096);
    for (const { program } of doublings) program.free();
    expect(machine.code.bytesInUse).toBe(before);
  });

  test('can be called kernel by kernel', () => {
    const device = deviceOn(machineWith());
    const { code, generated } = new Doubling(device).program.compiled;
    const scratch = device.memory.heap.allocate(64);
    generated.function(code.kernels[0]?.entry ?? '')(0, 0, 77, scratch);
    expect(device.memory.heap.view('int32', scratch, 1)[0]).toBe(77);
    expect(() => generated.function('nothing')).toThrow(/exports no function "nothing"/);
  });
});

/** Pages of this system of which some are refused. */
const pagesWithout =
  (what: 'map' | 'seal', refuses: () => boolean): Surroundings['pages'] =>
  (...args) => {
    const pages = systemPages(...args);
    if (typeof pages === 'string') return pages;
    const refused: Partial<Pages> =
      what === 'map'
        ? { map: (bytes) => (refuses() ? undefined : pages.map(bytes)) }
        : { seal: (address, bytes) => !refuses() && pages.seal(address, bytes) };
    return { ...pages, ...refused };
  };

describe.runIf(CAN_RUN_X64)('WebAssembly runs instead, with the right results,', () => {
  test('where the target has no code for a module', () => {
    const device = deviceOn(machineWith({}, () => true));
    const doubling = new Doubling(device);
    expect(doubling.program.compiled.generator.name).toBe('wasm');
    expect(doubling.factor()).toBe(WASM);
  });

  test.each(['map', 'seal'] as const)('where the system refuses to %s memory later on', (what) => {
    let refuses = false;
    const device = deviceOn(machineWith({ pages: pagesWithout(what, () => refuses) }));
    expect(new Doubling(device).factor()).toBe(NATIVE);
    refuses = true;
    expect(new Doubling(device).factor()).toBe(WASM);
    expect(device.refusals).toHaveLength(1);
    refuses = false;
    expect(new Doubling(device).factor()).toBe(NATIVE);
    expect(device.refusals).toHaveLength(1);
  });

  test('from when a thread cannot load koffi', async () => {
    const device = deviceOn({ ...machineWith(), koffiPath: '/nowhere/koffi' });
    const [first, second] = [new Doubling(device), new Doubling(device)];
    // Alone, the calling thread can.
    expect(first.factor()).toBe(NATIVE);
    await device.memory.pool.ready();
    expect(first.factor()).toBe(WASM);
    expect(device.refusals).toHaveLength(1);
    expect(device.description).toMatch(/^wasm after all: .*Cannot find module '\/nowhere\/koffi'/);
    expect(second.factor()).toBe(WASM);
    expect(new Doubling(device).factor()).toBe(WASM);
    expect(first.factor()).toBe(WASM);
  });
});

describe('there is no machine code', () => {
  test('without koffi', () => {
    const error = Object.assign(new Error("Cannot find module 'koffi'\nRequire stack:"), {
      code: 'MODULE_NOT_FOUND',
    });
    const load = (): never => {
      throw error;
    };
    expect(find({ load })).toBe('koffi is not installed');
    error.code = 'ERR_DLOPEN_FAILED';
    error.message = 'no such library\nand more';
    expect(find({ load })).toBe('koffi cannot be loaded (no such library)');
  });

  test('on systems nobody wrote it for', () => {
    expect(find({ platform: 'plan9' })).toBe('no machine code for plan9');
  });

  test('on processors the target has no code for', () => {
    expect(find({ detect: () => 'the processor has no AVX2' })).toBe('the processor has no AVX2');
  });

  test.runIf(CAN_RUN_X64)('where the system refuses executable memory', () => {
    const detect = (): ReturnType<typeof fakeTarget> => fakeTarget(1);
    expect(find({ detect, pages: pagesWithout('map', () => true) })).toMatch(
      /refuses 4096 bytes of memory for code/,
    );
    expect(find({ detect, pages: pagesWithout('seal', () => true) })).toMatch(
      /refuses to make memory executable/,
    );
  });

  test('where TENSORLOOM_CPU says so', () => {
    expect(find({ cpu: 'none' })).toBe('TENSORLOOM_CPU is none');
    expect(() => find({ cpu: 'avx1024' })).toThrow(/TENSORLOOM_CPU is 'avx1024'/);
  });

  test('outside Node', () => {
    expect(findNativeMachine(undefined)).toBe('this is not Node');
  });
});

describe.runIf(CAN_RUN_X64)('a target is told', () => {
  /** `cpuid` with eax = a, ecx = b. */
  // prettier-ignore
  const CPUID = Uint8Array.of(
    0x53, 0x49, 0x89, 0xfa, 0x89, 0xf0, 0x89, 0xd1, 0x0f, 0xa2, 0x41, 0x89, 0x02,
    0x41, 0x89, 0x5a, 0x04, 0x41, 0x89, 0x4a, 0x08, 0x41, 0x89, 0x52, 0x0c, 0x5b, 0xc3,
  );

  test('what the processor answers', () => {
    let vendor = '';
    find({
      detect({ ask }) {
        const [, b = 0, c = 0, d = 0] = ask(CPUID, 0, 0);
        vendor = new TextDecoder().decode(Uint32Array.of(b, d, c));
        return 'enough';
      },
    });
    expect(vendor).toMatch(/^[A-Za-z ]{12}$/);
  });

  test.each([['avx2'], ['avx512'], [undefined]])('that TENSORLOOM_CPU is %s', (cpu) => {
    let limit: string | undefined = 'not asked';
    find({
      cpu,
      detect(host) {
        ({ limit } = host);
        return 'enough';
      },
    });
    expect(limit).toBe(cpu);
  });
});
