/** The modules of `encodeModule` as WebAssembly text. */
import { FormatError } from '../../core/errors.js';
import { SECTION } from './binary.js';
import { OPCODES } from './opcodes.js';

const NAMES = new Map<number, string>(Object.entries(OPCODES).map(([name, code]) => [code, name]));
const VALUE_TYPES: Readonly<Record<number, string>> = {
  0x7f: 'i32',
  0x7e: 'i64',
  0x7d: 'f32',
  0x7c: 'f64',
  0x7b: 'v128',
};

/**
 * A module as text, one instruction per line. It knows the instructions and sections that `encodeModule` writes, not all there are.
 *
 * @throws FormatError if the bytes are no module, or hold something this project does not emit.
 */
export function wasmText(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  if (reader.word() !== 0x6d736100 || reader.word() !== 1) {
    throw new FormatError('wasmText: the bytes do not begin like a WebAssembly module of version 1');
  }
  const module = new ModuleText();
  while (!reader.atEnd()) {
    const id = reader.u8();
    const length = reader.u32();
    module.section(id, reader.part(length));
  }
  return module.text();
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    const value = this.bytes[this.at++];
    if (value === undefined)
      throw new FormatError(`wasmText: the module ends in the middle of an entry, at byte ${this.at - 1}`);
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  s32(): number {
    let value = 0;
    for (let shift = 0; ;) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
    }
  }

  word(): number {
    return this.advance(4, () => this.view.getInt32(this.at, true));
  }

  f32(): number {
    return this.advance(4, () => this.view.getFloat32(this.at, true));
  }

  f64(): number {
    return this.advance(8, () => this.view.getFloat64(this.at, true));
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.u32()));
  }

  /** A reader of the next bytes, which are skipped here. */
  part(length: number): Reader {
    return new Reader(this.take(length));
  }

  private take(length: number): Uint8Array {
    return this.advance(length, () => this.bytes.subarray(this.at, this.at + length));
  }

  private advance<T>(length: number, read: () => T): T {
    if (this.at + length > this.bytes.length) {
      throw new FormatError(
        `wasmText: ${length} bytes are wanted at byte ${this.at} of ${this.bytes.length}`,
      );
    }
    const value = read();
    this.at += length;
    return value;
  }
}

class ModuleText {
  private readonly types: { parameters: string[]; results: string[] }[] = [];
  private readonly imports: string[] = [];
  /** Types of all functions, imported ones first. */
  private readonly functions: number[] = [];
  private importedFunctions = 0;
  private readonly exports = new Map<number, string>();
  private readonly names = new Map<number, string>();
  private bodies: Reader[] = [];

  section(id: number, content: Reader): void {
    const each = (read: () => void): void => {
      for (let left = content.u32(); left > 0; left--) read();
    };
    switch (id) {
      case SECTION.type: {
        each(() => {
          content.u8(); // the mark of a function type
          const list = (): string[] => Array.from({ length: content.u32() }, () => valueType(content.u8()));
          this.types.push({ parameters: list(), results: list() });
        });
        return;
      }
      case SECTION.import: {
        each(() => {
          this.import(content);
        });
        return;
      }
      case SECTION.function: {
        each(() => {
          this.functions.push(content.u32());
        });
        return;
      }
      case SECTION.export: {
        each(() => {
          const name = content.name();
          content.u8(); // always a function
          this.exports.set(content.u32(), name);
        });
        return;
      }
      case SECTION.code: {
        each(() => {
          this.bodies.push(content.part(content.u32()));
        });
        return;
      }
      case SECTION.custom:
        if (content.name() === 'name') this.readNames(content);
        return;
      default:
        throw new FormatError(`wasmText: section ${id} is none that this project writes`);
    }
  }

  private import(content: Reader): void {
    const path = `"${content.name()}" "${content.name()}"`;
    const kind = content.u8();
    if (kind === 0) {
      const type = content.u32();
      this.functions.push(type);
      this.importedFunctions++;
      this.imports.push(`(import ${path} (func${this.signature(type)}))`);
    } else if (kind === 2) {
      const flags = content.u8();
      const limits = [content.u32(), ...((flags & 1) === 0 ? [] : [content.u32()])];
      this.imports.push(`(import ${path} (memory ${limits.join(' ')}${(flags & 2) === 0 ? '' : ' shared'}))`);
    } else {
      const type = valueType(content.u8());
      content.u8(); // never mutable
      this.imports.push(`(import ${path} (global ${type}))`);
    }
  }

  private readNames(content: Reader): void {
    while (!content.atEnd()) {
      const kind = content.u8();
      const entries = content.part(content.u32());
      if (kind !== 1) continue;
      for (let left = entries.u32(); left > 0; left--) {
        const index = entries.u32();
        this.names.set(index, entries.name());
      }
    }
  }

  private signature(type: number): string {
    const { parameters, results } = this.types[type] ?? { parameters: [], results: [] };
    const group = (word: string, list: string[]): string =>
      list.length === 0 ? '' : ` (${word} ${list.join(' ')})`;
    return group('param', parameters) + group('result', results);
  }

  private functionName(index: number): string {
    return `$${this.names.get(index) ?? String(index)}`;
  }

  text(): string {
    const lines = ['(module', ...this.imports.map((each) => `  ${each}`)];
    this.bodies.forEach((body, n) => {
      const index = this.importedFunctions + n;
      const name = this.exports.get(index);
      const exported = name === undefined ? '' : ` (export "${name}")`;
      lines.push(
        `  (func ${this.functionName(index)}${exported}${this.signature(this.functions[index] ?? 0)}`,
      );
      this.body(body, lines);
      lines.push('  )');
    });
    return `${lines.join('\n')}\n)\n`;
  }

  private body(body: Reader, lines: string[]): void {
    for (let runs = body.u32(); runs > 0; runs--) {
      const count = body.u32();
      const type = valueType(body.u8());
      lines.push(`    (local ${count === 1 ? type : `${type} × ${count}`})`);
    }
    let depth = 2;
    while (!body.atEnd()) {
      const first = body.u8();
      const code = first < 0xfc ? first : first * 0x1000 + body.u32();
      const name = NAMES.get(code);
      if (name === undefined)
        throw new FormatError(
          `wasmText: instruction 0x${code.toString(16)} is none that this project writes`,
        );
      if (name === 'end' || name === 'else') depth--;
      // The last `end` closes the function itself.
      if (depth >= 2) lines.push(`${'  '.repeat(depth)}${name}${this.immediates(name, body)}`);
      if (name === 'block' || name === 'loop' || name === 'if' || name === 'else') depth++;
    }
  }

  private immediates(name: string, body: Reader): string {
    switch (name) {
      case 'block':
      case 'loop':
      case 'if':
        body.u8(); // none of ours has a result
        return '';
      case 'br':
      case 'br_if':
      case 'local.get':
      case 'local.set':
      case 'local.tee':
      case 'global.get':
        return ` ${body.u32()}`;
      case 'call':
        return ` ${this.functionName(body.u32())}`;
      case 'i32.const':
      case 'i64.const':
        return ` ${body.s32()}`;
      case 'f32.const':
        return ` ${body.f32()}`;
      case 'f64.const':
        return ` ${body.f64()}`;
      case 'v128.const':
        return ` i32x4${[0, 1, 2, 3].map(() => ` 0x${(body.word() >>> 0).toString(16).padStart(8, '0')}`).join('')}`;
      case 'i8x16.shuffle':
        return Array.from({ length: 16 }, () => ` ${body.u8()}`).join('');
      case 'memory.fill':
        body.u8();
        return '';
      case 'memory.copy':
        body.u8();
        body.u8();
        return '';
      default:
        return isMemoryAccess(name)
          ? memoryImmediates(name, body)
          : name.endsWith('_lane')
            ? ` ${body.u8()}`
            : '';
    }
  }
}

const isMemoryAccess = (name: string): boolean => /\.(load|store|atomic)/.test(name);

function memoryImmediates(name: string, body: Reader): string {
  const align = 2 ** body.u32();
  const offset = body.u32();
  const lane = name.endsWith('_lane') ? ` ${body.u8()}` : '';
  return `${offset === 0 ? '' : ` offset=${offset}`} align=${align}${lane}`;
}

function valueType(byte: number): string {
  const name = VALUE_TYPES[byte];
  if (name === undefined)
    throw new FormatError(`wasmText: value type 0x${byte.toString(16)} is none that this project writes`);
  return name;
}
