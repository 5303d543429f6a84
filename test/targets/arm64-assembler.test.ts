import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Assembler } from '../../src/targets/arm64/assembler.js';
import { Label } from '../../src/targets/arm64/code-buffer.js';
import { floatImmediate, logicalImmediate } from '../../src/targets/arm64/immediates.js';
import { ENCODINGS } from '../support/arm64-encodings.js';

/** What the GNU assembler makes of the same lines: scripts/arm64-encodings.ts. */
const golden = JSON.parse(
  readFileSync(new URL('../goldens/arm64-encodings.json', import.meta.url), 'utf8'),
) as Record<string, string>;

function wordsOf(emit: (a: Assembler) => void): string {
  const a = new Assembler();
  emit(a);
  const bytes = a.finish();
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, n) =>
    view
      .getUint32(4 * n, true)
      .toString(16)
      .padStart(8, '0'),
  ).join(' ');
}

describe('instructions of arm64', () => {
  it('are as the GNU assembler encodes them', () => {
    const wrong = ENCODINGS.map(({ text, emit }) => ({ text, ours: wordsOf(emit), golden: golden[text] }));
    expect(wrong.filter(({ ours, golden }) => ours !== golden)).toEqual([]);
  });

  it('are the ones that are stored', () => {
    expect(new Set(ENCODINGS.map(({ text }) => text))).toEqual(new Set(Object.keys(golden)));
  });

  it('reject jumps that are too far', () => {
    const a = new Assembler();
    const label = new Label();
    a.jumpIfBitClear(0, 0, label);
    for (let n = 0; n < 1 << 13; n++) a.instructionBarrier();
    expect(() => {
      a.bind(label);
    }).toThrow(/too far/);
  });

  it('reject what they cannot hold', () => {
    const a = new Assembler();
    expect(() => {
      a.arithmeticImmediate('add', 0, 0, 4097);
    }).toThrow(/4097/);
    for (const value of [0, -1, 5, 0x12345678, 0b101]) expect(logicalImmediate(value)).toBeUndefined();
    for (const bits of [0, -0x80000000, 0x3f800001, 0x42000000 /* 32 */])
      expect(floatImmediate(bits)).toBeUndefined();
    expect(() => {
      a.loadLiteral(0, [1]);
      a.finish();
    }).toThrow(/no place/);
  });
});
