import { ArgumentError } from '../../core/errors.js';
import { detectNative } from '../../targets/native/detect.js';
import type { DetectNative, NativeTarget, VectorLimit } from '../../targets/native/native-code.js';
import { CodeMemory, CodeRefused } from './code-memory.js';
import { enterAt, loadKoffi, type Enter, type Koffi } from './koffi.mjs';
import { systemPages, type Pages } from './pages.js';

/** What this process needs for machine code of its own. */
export interface NativeMachine {
  readonly target: NativeTarget;
  readonly code: CodeMemory;
  readonly koffi: Koffi;
  /** Where koffi was found. */
  readonly koffiPath: string;
  /** The address of the target's trampoline, and the trampoline as a function of this thread. */
  readonly trampoline: number;
  readonly enter: Enter;
}

/** Where a machine is looked for; tests give others. */
export interface Surroundings {
  readonly platform: string;
  readonly arch: string;
  /** What TENSORLOOM_CPU says. */
  readonly cpu: string | undefined;
  readonly load: () => { readonly koffi: Koffi; readonly path: string };
  readonly pages: (koffi: Koffi, platform: string, arch: string) => Pages | string;
  readonly detect: DetectNative;
}

let known: NativeMachine | string | undefined;

/** The machine of this process, or why it has none. */
export function nativeMachine(): NativeMachine | string {
  return (known ??= findNativeMachine(surroundings()));
}

/** The surroundings of this process. The one place that reads TENSORLOOM_CPU. */
export function surroundings(): Surroundings | undefined {
  const { process } = globalThis as { process?: NodeJS.Process };
  if (process === undefined) return undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    cpu: process.env.TENSORLOOM_CPU,
    load: loadKoffi,
    pages: systemPages,
    detect: detectNative,
  };
}

/** Looks for all that machine code needs. Gives what is missing if something is; outside Node, everything. */
export function findNativeMachine(around: Surroundings | undefined): NativeMachine | string {
  if (around === undefined) return 'this is not Node';
  const { platform, arch, cpu, load, pages: pagesOf, detect } = around;
  const limit = vectorLimit(cpu);
  if (limit === 'none') return 'TENSORLOOM_CPU is none';
  let loaded;
  try {
    loaded = load();
  } catch (error) {
    return loadFailure(error);
  }
  const { koffi, path } = loaded;
  const pages = pagesOf(koffi, platform, arch);
  if (typeof pages === 'string') return pages;
  const code = new CodeMemory(pages);
  try {
    const target = detect({ platform, arch, limit, ask: (bytes, a, b) => ask(koffi, code, bytes, a, b) });
    if (typeof target === 'string') return target;
    // For the rest of the process.
    const trampoline = code.place(target.trampoline).address;
    return { target, code, koffi, koffiPath: path, trampoline, enter: enterAt(koffi, trampoline) };
  } catch (error) {
    if (error instanceof CodeRefused) return error.message;
    throw error;
  }
}

function vectorLimit(cpu: string | undefined): VectorLimit | 'none' | undefined {
  switch (cpu) {
    case undefined:
    case '':
      return undefined;
    case 'avx512':
    case 'avx2':
    case 'none':
      return cpu;
    default:
      throw new ArgumentError(`TENSORLOOM_CPU is '${cpu}'`, 'use avx512, avx2 or none, or leave it unset');
  }
}

function loadFailure(error: unknown): string {
  if ((error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND') return 'koffi is not installed';
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return `koffi cannot be loaded (${line})`;
}

/** Runs code once that writes four words, such as CPUID. */
function ask(koffi: Koffi, memory: CodeMemory, code: Uint8Array, a: number, b: number): Uint32Array {
  const placed = memory.place(code);
  try {
    const words = new Uint32Array(4);
    koffi.decode(BigInt(placed.address), koffi.proto('void', ['void *', 'uint32', 'uint32']))(words, a, b);
    return words;
  } finally {
    placed.free();
  }
}
