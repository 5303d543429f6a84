/** A device whose programs are arm64 code, run by the emulator. What has no machine code runs as WebAssembly, as on every device. */
import type { CodeGenerator } from '../../src/runtime/code-generator.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { CpuMemory } from '../../src/runtime/cpu-memory.js';
import type { Executable } from '../../src/runtime/executable.js';
import { entryOf } from '../../src/runtime/executable-entry.mjs';
import type { LoadedProgram, ThreadPool } from '../../src/runtime/pool.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import { arm64Target } from '../../src/targets/arm64/target.js';
import type { NativeCode } from '../../src/targets/native/native-code.js';
import { callArm64 } from './arm64-emulator.js';

const codes = new WeakMap<Executable, NativeCode>();

/** Takes the place of the threads of this process. */
class EmulatedThreads {
  private readonly memory: CpuMemory;
  private readonly count: number;

  constructor(memory: CpuMemory, count: number) {
    this.memory = memory;
    this.count = count;
  }

  get threads(): number {
    return this.count;
  }

  load(executable: Executable): Pick<LoadedProgram, 'executable'> {
    return { executable };
  }

  run({ executable }: LoadedProgram, table: number, threads = this.count): void {
    const { heap } = this.memory;
    const code = codes.get(executable);
    if (code === undefined) entryOf(executable, heap.memory, false)(0, 1, table);
    else callArm64(code, 'run', heap.buffer, [0, 1, table], threads > 1 ? threads : 0);
  }

  unload(): void {
    // Nothing is kept.
  }
}

class EmulatedMemory extends CpuMemory {
  private readonly emulated: ThreadPool;

  constructor(threads: number) {
    super();
    this.emulated = new EmulatedThreads(this, threads) as unknown as ThreadPool;
  }

  override get pool(): ThreadPool {
    return this.emulated;
  }
}

export function arm64Device(threads = 1): CpuDevice {
  const memory = new EmulatedMemory(threads);
  const target = arm64Target({
    platform: 'linux',
    arch: 'arm64',
    limit: undefined,
    ask: () => new Uint32Array(4),
  });
  const generator: CodeGenerator = {
    name: 'native',
    description: `${target.name}, emulated`,
    machine: target.machine,
    identity: target.name,
    encode: (module) => target.encode(module),
    place(code) {
      const executable: Executable = { kind: 'native', run: 0, trampoline: 0, heap: 0, koffi: '' };
      codes.set(executable, code);
      return {
        executable,
        function:
          (name) =>
          (...args) => {
            callArm64(code, name, memory.heap.buffer, args);
          },
        free: () => undefined,
      };
    },
  };
  return new CpuDevice(memory, [generator, wasmGenerator(memory.heap)]);
}
