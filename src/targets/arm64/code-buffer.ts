/** Where instructions are written: words, places in the code that are not known yet, and constants behind it. */
import { InternalError } from '../../core/errors.js';
import { Unsupported } from '../native/native-code.js';

/** A place in the code, perhaps not known yet. */
export class Label {
  position = -1;
  readonly uses: { readonly at: number; readonly field: DistanceField }[] = [];
}

/** Where an instruction holds a distance, in words: its lowest bit and how many there are. */
export interface DistanceField {
  readonly low: number;
  readonly bits: number;
}

export const JUMP: DistanceField = { low: 0, bits: 26 };
/** Conditional jumps, and loads of constants. */
export const NEAR: DistanceField = { low: 5, bits: 19 };
export const BIT_TEST: DistanceField = { low: 5, bits: 14 };

const NOP = 0xd503201f;

export class CodeBuffer {
  private words = new Uint32Array(1 << 12);
  private count = 0;
  private readonly literals = new Map<string, { readonly words: readonly number[]; readonly label: Label }>();

  /** In bytes. */
  get position(): number {
    return 4 * this.count;
  }

  word(value: number): void {
    if (this.count === this.words.length) {
      const larger = new Uint32Array(2 * this.count);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[this.count++] = value;
  }

  /** Fills up with instructions that do nothing until the position is a multiple of `bytes`. */
  align(bytes: number): void {
    while (this.position % bytes !== 0) this.word(NOP);
  }

  bind(label: Label): void {
    label.position = this.position;
    for (const { at, field } of label.uses) this.fill(at, field, label.position);
    label.uses.length = 0;
  }

  /** An instruction that refers to a label. */
  distance(value: number, field: DistanceField, label: Label): void {
    const at = this.count;
    this.word(value);
    if (label.position >= 0) this.fill(at, field, label.position);
    else label.uses.push({ at, field });
  }

  private fill(at: number, { low, bits }: DistanceField, position: number): void {
    const words = position / 4 - at;
    if (words < -(2 ** (bits - 1)) || words >= 2 ** (bits - 1))
      throw new Unsupported(`arm64: a jump of ${4 * words} bytes is too far`);
    this.words[at] = (this.words[at] ?? 0) | ((words & (2 ** bits - 1)) << low);
  }

  /** Words to be laid down behind the code, aligned to their own length; equal ones once. */
  literal(words: readonly number[]): Label {
    const key = words.join();
    let literal = this.literals.get(key);
    if (literal === undefined) {
      literal = { words, label: new Label() };
      this.literals.set(key, literal);
    }
    return literal.label;
  }

  /** Lays the constants down here: at the end of each function, as loads reach 1 MiB only. The longest come first, so that all are aligned. */
  placeLiterals(): void {
    const order = [...this.literals.values()].sort((a, b) => b.words.length - a.words.length);
    if (order.length > 0) this.align(16);
    for (const { words, label } of order) {
      this.bind(label);
      for (const word of words) this.word(word);
    }
    this.literals.clear();
  }

  /** The code. Nothing may be added afterwards. */
  finish(): Uint8Array {
    if (this.literals.size > 0) throw new InternalError('arm64: constants have no place');
    const bytes = new Uint8Array(4 * this.count);
    const view = new DataView(bytes.buffer);
    for (let n = 0; n < this.count; n++) view.setUint32(4 * n, this.words[n] ?? 0, true);
    return bytes;
  }
}
