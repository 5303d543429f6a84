/** Our bytes of instructions against those of GNU's assembler, stored by scripts/goldens/x64.ts. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Assembler, Label, RSP } from '../../src/targets/x64/assembler.js';
import { VECTOR } from '../../src/targets/x64/vector-ops.js';
import { bytesOf, CASES, hex, VECTOR_NAMES } from '../support/x64-instructions.js';

const golden = JSON.parse(readFileSync(new URL('../goldens/x64.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, string>
>;

/** Methods that make no instruction of their own. */
const OTHERS = ['constructor', 'byte', 'bytes', 'align', 'bind', 'constant', 'finish', 'position', 'vector'];
const PRIVATE = [
  'grow',
  'int32',
  'fourBytes',
  'distance',
  'operand',
  'rex',
  'general',
  'vexGeneral',
  'vex',
  'evex',
];

const names = [...new Set(CASES.map(({ of }) => of))];

describe('instructions', () => {
  it.each(names)('%s', (name) => {
    for (const each of CASES.filter(({ of }) => of === name)) {
      const { bytes } = bytesOf(each, new Assembler());
      expect(`${each.text}: ${hex(bytes)}`).toBe(`${each.text}: ${golden[each.text]}`);
    }
  });

  it('are all known to the stored output', () => {
    expect(new Set(Object.keys(golden))).toEqual(new Set(CASES.map(({ text }) => text)));
  });

  it('of every method of the assembler are tested, and every vector instruction', () => {
    const methods = Object.getOwnPropertyNames(Assembler.prototype);
    const instructions = methods.filter((name) => !OTHERS.includes(name) && !PRIVATE.includes(name));
    expect([...instructions, ...VECTOR_NAMES].filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('code', () => {
  it('is filled up to a multiple by instructions without effect', () => {
    for (let length = 0; length < 40; length++) {
      const a = new Assembler();
      for (let n = 0; n < length; n++) a.return();
      a.align(32);
      expect(a.position % 32).toBe(0);
      expect(a.position - length).toBeLessThan(32);
      // Each begins like one of those that the manual recommends.
      const rest = a.finish().slice(length);
      if (rest.length > 0) expect([0x90, 0x66, 0x0f]).toContain(rest[0]);
    }
  });

  it('finds labels that are bound before and after their use, also beyond the first buffer', () => {
    const a = new Assembler();
    const [back, ahead] = [new Label(), new Label()];
    a.bind(back);
    a.jump(ahead);
    for (let n = 0; n < 40_000; n++) a.return();
    a.jump(back);
    a.bind(ahead);
    const view = new DataView(a.finish().buffer);
    expect(view.getInt32(1, true)).toBe(40_000 + 5);
    expect(view.getInt32(40_006, true)).toBe(-(40_000 + 10));
  });

  it('is followed by its constants, equal ones once, each aligned to its length', () => {
    const a = new Assembler();
    const use = (words: number[], register: number): number => {
      a.vector(VECTOR.load, 1, register, 0, a.constant(words));
      return a.position;
    };
    const four = Array.from({ length: 16 }, (_, n) => n);
    const ends = [use([7], 0), use(four, 1), use([7], 2), use([1, 2, 3, 4], 3)];
    const bytes = a.finish();
    const view = new DataView(bytes.buffer);
    const places = ends.map((end) => end + view.getInt32(end - 4, true));
    const words = places.map((at) => view.getInt32(at, true));
    expect(words).toEqual([7, 0, 7, 1]);
    expect(places[0]).toBe(places[2]);
    expect([(places[1] ?? 1) % 64, (places[3] ?? 1) % 16]).toEqual([0, 0]);
    expect(bytes.length).toBe(64 + 64 + 16 + 4);
  });

  it('has no form for what does not exist', () => {
    const a = new Assembler();
    expect(() => a.load(0, { base: 0, index: RSP, displacement: 0 })).toThrow(/rsp/);
    expect(() => a.vector(VECTOR.equalI32, 0, 16, 0, 0)).toThrow(/VEX/);
    expect(() => a.vector(VECTOR.equalI32, 2, 1, 0, 0)).toThrow(/VEX/);
  });
});
