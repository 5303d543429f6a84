/** Bytes of a WebAssembly module: a growing buffer with the format's number encodings (core specification, section 5.2). */

const text = new TextEncoder();

export class ByteWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  private view: DataView;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  private reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  clear(): void {
    this.length = 0;
  }

  u8(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    let rest = value >>> 0;
    // Most numbers are small, and most code that this makes is made before it has been optimized itself.
    if (rest <= 0x7f) {
      this.u8(rest);
      return;
    }
    this.reserve(5);
    while (rest > 0x7f) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Signed LEB128. */
  s32(value: number): void {
    this.reserve(5);
    let rest = value | 0;
    while (rest > 0x3f || rest < -0x40) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.bytes[this.length++] = rest & 0x7f;
  }

  f32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Four little-endian bytes. */
  word(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, value, true);
    this.length += 4;
  }

  /** An instruction: one byte, or a prefix and a number (see opcodes.ts). */
  op(code: number): void {
    if (code <= 0xff) {
      this.u8(code);
    } else {
      this.u8(code >>> 12);
      this.u32(code & 0xfff);
    }
  }

  name(value: string): void {
    const encoded = text.encode(value);
    this.u32(encoded.length);
    this.append(encoded);
  }

  append(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Length and content of another writer. */
  sized(content: ByteWriter): void {
    this.u32(content.length);
    this.append(content.view8());
  }

  /** The length of what `write` is going to write, in five bytes, and that. */
  withLength(write: () => void): void {
    this.reserve(5);
    const start = this.length;
    this.length += 5;
    write();
    const length = this.length - start - 5;
    for (let n = 0; n < 5; n++) this.bytes[start + n] = ((length >>> (7 * n)) & 0x7f) | (n < 4 ? 0x80 : 0);
  }

  /** What was written so far; valid until the next write. */
  view8(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

/** Section ids, in the order in which sections must come. */
export const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/** Value types of WebAssembly. */
export const VALUE_TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

/** The type of a block that leaves nothing on the stack. */
export const EMPTY_BLOCK = 0x40;
