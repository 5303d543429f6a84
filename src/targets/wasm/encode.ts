/** Loop IR → the bytes of a WebAssembly module. */
import { InternalError } from '../../core/errors.js';
import type { HostFunction, Module } from '../cpu/ir.js';
import { hasMeeting, visitExpressions } from '../cpu/walk.js';
import { encodeBarrier } from './barrier.js';
import { ByteWriter, SECTION, VALUE_TYPE } from './binary.js';
import { FunctionEncoder, type Indices } from './function-encoder.js';

/** What the encoder may use, and what memory the module meets. */
export interface EncodeOptions {
  /** Whether `f32x4.relaxed_madd` validates; without it an fma is a multiplication and an addition, as one of f64 always is. */
  readonly relaxedFma: boolean;
  /** Whether `env.memory` is shared between threads (default true). Both kinds of memory serve any smaller maximum. */
  readonly shared?: boolean;
}

/** The largest memory that 32-bit addresses reach, in pages of 64 KiB. A memory with a smaller maximum may be imported all the same. */
const MAX_PAGES = 65536;

/** How many arguments a host function takes. */
const HOST_ARITY: Readonly<Record<HostFunction, 0 | 1 | 2>> = {
  exp: 1,
  expm1: 1,
  log: 1,
  log1p: 1,
  sin: 1,
  cos: 1,
  tan: 1,
  atan: 1,
  tanh: 1,
  erf: 1,
  pow: 2,
  atan2: 2,
  fmod: 2,
  now: 0,
};

/**
 * Encodes `module`. The result imports `env.memory`, the host functions it calls (`env.exp`, …) and, if threads meet in
 * it, the function `env.waited` (see `barrier.ts`) and the i32 global `env.maySleep` (0 where blocking is forbidden, as on
 * the main thread of a page). Its exports are the exported functions, by name.
 *
 * @throws InternalError if an expression has no encoding: a fault of whoever built the module.
 * @example
 * ```ts
 * const bytes = encodeModule({ functions: [func('clear', ['p'], (b, p) => b.store('i32', p, i32(0)), true)] }, { relaxedFma: false });
 * ```
 */
export function encodeModule(module: Module, options: EncodeOptions): Uint8Array<ArrayBuffer> {
  const hosts = hostFunctionsOf(module);
  // The last function is where programs meet.
  const needsBarrier = module.functions.findLast(({ body }) => hasMeeting(body)) !== undefined;
  const indices = indexFunctions(module, hosts, needsBarrier);
  const types = new FunctionTypes();
  out.clear();
  code.clear();
  const encoder = new FunctionEncoder(indices, options.relaxedFma);
  for (const each of module.functions) code.sized(encoder.encode(each));
  if (needsBarrier) code.sized(encodeBarrier(indices.waited));

  out.word(0x6d736100); // "\0asm"
  out.word(1);
  const imports = hosts.map((name): FunctionImport => ({
    name,
    type: types.index(HOST_ARITY[name], VALUE_TYPE.f64, true),
  }));
  if (needsBarrier) imports.push({ name: 'waited', type: types.index(0, VALUE_TYPE.i32, false) });
  const typeOfFunction = module.functions.map((each) =>
    types.index(each.parameters.length, VALUE_TYPE.i32, false),
  );
  if (needsBarrier) typeOfFunction.push(types.index(2, VALUE_TYPE.i32, false));
  types.write();
  writeImports(imports, options.shared ?? true, needsBarrier);
  section(SECTION.function, () => {
    out.u32(typeOfFunction.length);
    for (const each of typeOfFunction) out.u32(each);
  });
  writeExports(module, indices);
  section(SECTION.code, () => {
    out.u32(typeOfFunction.length);
    out.append(code.view8());
  });
  writeNames(module, indices, needsBarrier);
  return out.finish();
}

// Buffers are costly to make, and encoding is never interrupted: one of each serves all modules.
const out = new ByteWriter(16384);
const code = new ByteWriter(16384);

function hostFunctionsOf(module: Module): HostFunction[] {
  const found = new Set<HostFunction>();
  for (const each of module.functions) {
    visitExpressions(each.body, (expr) => {
      if (expr.kind === 'host') found.add(expr.name);
    });
  }
  return [...found];
}

function indexFunctions(module: Module, hosts: readonly HostFunction[], needsBarrier: boolean): Indices {
  const functions = new Map<string, number>();
  const first = hosts.length + (needsBarrier ? 1 : 0);
  for (const each of module.functions) {
    if (functions.has(each.name)) throw new InternalError(`wasm: two functions are called ${each.name}`);
    functions.set(each.name, first + functions.size);
  }
  return {
    hosts: new Map(hosts.map((name, index) => [name, index])),
    waited: hosts.length,
    functions,
    barrier: first + functions.size,
  };
}

function section(id: number, write: () => void): void {
  out.u8(id);
  out.withLength(write);
}

/** The signatures of a module: some parameters, all of one type, and no result or one of the same type. */
class FunctionTypes {
  private readonly known: { parameters: number; valueType: number; result: boolean }[] = [];

  index(parameters: number, valueType: number, result: boolean): number {
    const found = this.known.findIndex(
      (each) => each.parameters === parameters && each.valueType === valueType && each.result === result,
    );
    return found >= 0 ? found : this.known.push({ parameters, valueType, result }) - 1;
  }

  write(): void {
    section(SECTION.type, () => {
      out.u32(this.known.length);
      for (const { parameters, valueType, result } of this.known) {
        out.u8(0x60);
        out.u32(parameters);
        for (let n = 0; n < parameters; n++) out.u8(valueType);
        out.u32(result ? 1 : 0);
        if (result) out.u8(valueType);
      }
    });
  }
}

interface FunctionImport {
  readonly name: string;
  readonly type: number;
}

function writeImports(functions: readonly FunctionImport[], shared: boolean, needsBarrier: boolean): void {
  section(SECTION.import, () => {
    out.u32(1 + functions.length + (needsBarrier ? 1 : 0));
    out.name('env');
    out.name('memory');
    out.u8(2);
    if (shared) {
      out.u8(3);
      out.u32(1);
      out.u32(MAX_PAGES);
    } else {
      out.u8(0);
      out.u32(1);
    }
    for (const { name, type } of functions) {
      out.name('env');
      out.name(name);
      out.u8(0);
      out.u32(type);
    }
    if (needsBarrier) {
      out.name('env');
      out.name('maySleep');
      out.u8(3);
      out.u8(VALUE_TYPE.i32);
      out.u8(0);
    }
  });
}

function writeExports(module: Module, indices: Indices): void {
  const exported = module.functions.filter((each) => each.exported);
  section(SECTION.export, () => {
    out.u32(exported.length);
    for (const { name } of exported) {
      out.name(name);
      out.u8(0);
      out.u32(indices.functions.get(name) ?? 0);
    }
  });
}

/** Names of functions, which profilers and stack traces show. */
function writeNames(module: Module, indices: Indices, needsBarrier: boolean): void {
  const entries: (readonly [string, number])[] = [
    ...indices.hosts,
    ...(needsBarrier ? [['waited', indices.waited] as const] : []),
    ...module.functions.map((each): [string, number] => [each.name, indices.functions.get(each.name) ?? 0]),
    ...(needsBarrier ? [['barrier', indices.barrier] as const] : []),
  ];
  section(SECTION.custom, () => {
    out.name('name');
    section(1, () => {
      out.u32(entries.length);
      for (const [name, index] of entries) {
        out.u32(index);
        out.name(name);
      }
    });
  });
}
