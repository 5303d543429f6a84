/**
 * arm64 code on other machines, by qemu-aarch64 (Debian's package qemu-user): one process for a whole file of tests. Code and heaps lie in a file that both
 * have in their memory, so that a call takes two messages and no copies.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeArm64 } from '../../src/targets/arm64/encode.js';
import type { NativeCode } from '../../src/targets/native/native-code.js';
import { loadKoffi } from '../../src/runtime/native/koffi.mjs';
import { arm64Program, commandWords, MOST_THREADS, STATUS } from './arm64-program.js';
import type { Encoder } from './ir-machine.js';

const QEMU = 'qemu-aarch64';
const CODE_BYTES = 1 << 22;
/** After this the process is ended: a call that never comes back would block the test for good. */
const MOST_SECONDS = 600;
const READ_WRITE = 3;
const SHARED_FIXED = 0x11;

/** Why nothing can be emulated here, if nothing can. */
export const NO_EMULATOR = whatIsMissing();

function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'no Linux';
  if (spawnSync(QEMU, ['--version']).status !== 0) return `no ${QEMU}, which Debian has in qemu-user`;
  try {
    loadKoffi();
    return undefined;
  } catch {
    return 'no koffi';
  }
}

class Emulator {
  private readonly folder = mkdtempSync(join(tmpdir(), 'arm64-'));
  private readonly file: number;
  private readonly commands: number;
  private readonly answers: number;
  /** Where heaps lie in the file. */
  private readonly places = new WeakMap<ArrayBufferLike, number>();
  private fileBytes = CODE_BYTES;
  private placed: { code: NativeCode | undefined; heap: number } = { code: undefined, heap: -1 };

  constructor() {
    const [shared, program, commands, answers] = ['shared', 'program', 'commands', 'answers'].map((name) =>
      join(this.folder, name),
    ) as [string, string, string, string];
    this.file = openSync(shared, 'w+');
    ftruncateSync(this.file, this.fileBytes);
    writeFileSync(program, arm64Program(shared), { mode: 0o755 });
    execFileSync('mkfifo', [commands, answers]);
    // The process ends with the pipe of commands, when this process does.
    const child = spawn(
      'sh',
      ['-c', `exec timeout ${MOST_SECONDS} ${QEMU} "$0" < "$1" > "$2"`, program, commands, answers],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    child.unref();
    this.commands = openSync(commands, 'w');
    this.answers = openSync(answers, 'r');
    process.on('exit', () => {
      closeSync(this.commands);
      rmSync(this.folder, { recursive: true });
    });
  }

  /** Calls a function over `heap`: once, or with `threads` by as many threads, whose number and count come first. */
  call(
    code: NativeCode,
    name: string,
    heap: ArrayBufferLike,
    args: readonly number[],
    threads: number,
  ): void {
    const entry = code.entries.get(name);
    if (entry === undefined) throw new Error(`no export ${name}`);
    if (threads > MOST_THREADS) throw new Error(`${threads} threads`);
    const place = this.placeOf(heap);
    const isNewHeap = Number(place !== this.placed.heap);
    const isNewCode = Number(code !== this.placed.code);
    if (code !== this.placed.code) {
      if (code.bytes.length > CODE_BYTES) throw new Error(`${code.bytes.length} bytes of code`);
      writeSync(this.file, code.bytes, 0, code.bytes.length, 0);
    }
    this.placed = { code, heap: place };
    const [a = 0, b = 0, c = 0, d = 0] = args;
    const [heapBytes, codeBytes] = [heap.byteLength, code.bytes.length];
    const words = { isNewCode, codeBytes, entry, threads, a, b, c, d, isNewHeap, heap: place, heapBytes };
    writeSync(this.commands, commandWords(words));
    const answer = new Int32Array(1);
    if (readSync(this.answers, new Uint8Array(answer.buffer)) !== 4)
      throw new Error(`the emulated process has died in ${name}`);
    if (answer[0] !== STATUS.good) throw new Error(`${name} has changed registers that C expects preserved`);
  }

  /** Puts a part of the file in the place of a heap's pages, with the same contents. */
  private placeOf(heap: ArrayBufferLike): number {
    const known = this.places.get(heap);
    if (known !== undefined) return known;
    const place = this.fileBytes;
    this.fileBytes += heap.byteLength;
    ftruncateSync(this.file, this.fileBytes);
    writeSync(this.file, Buffer.from(new Uint8Array(heap)), 0, heap.byteLength, place);
    const { koffi } = loadKoffi();
    const types = ['uintptr_t', 'size_t', 'int', 'int', 'int', 'intptr_t'];
    const map = koffi.load(null).func('mmap', 'uintptr_t', types);
    const address = Number(koffi.address(new Uint8Array(heap)));
    if (map(address, heap.byteLength, READ_WRITE, SHARED_FIXED, this.file, place) !== address)
      throw new Error('a heap cannot be shared with the emulated process');
    this.places.set(heap, place);
    return place;
  }
}

let emulator: Emulator | undefined;

/** Calls an exported function of arm64 code over a heap (a WebAssembly memory, whose pages are its own), by several threads if there are to be `threads`. */
export function callArm64(
  code: NativeCode,
  name: string,
  heap: ArrayBufferLike,
  args: readonly number[],
  threads = 0,
): void {
  (emulator ??= new Emulator()).call(code, name, heap, args, threads);
}

/** The arm64 target, emulated. */
export const ARM64: Encoder = {
  name: 'arm64 NEON, emulated',
  lanes: 4,
  masks: false,
  scatters: false,
  dotBytes: false,
  fused: ['f32', 'f32v', 'f64'],
  missing: NO_EMULATOR,
  instantiate(module, memory, maySleep = true) {
    const code = encodeArm64(module, { linux: maySleep });
    return {
      call(name, ...args) {
        callArm64(code, name, memory.buffer, args);
      },
      free: () => undefined,
    };
  },
};
