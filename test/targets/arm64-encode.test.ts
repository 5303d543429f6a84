/** What is arm64's own; what the loop IR means is told by loop-ir.test.ts. */
import { describe, expect, it } from 'vitest';
import { encodeArm64 } from '../../src/targets/arm64/encode.js';
import { splatFactors } from '../../src/targets/arm64/factors.js';
import { arm64Target } from '../../src/targets/arm64/target.js';
import { tileFunction } from '../../src/targets/cpu/contraction-tile.js';
import * as ir from '../../src/targets/cpu/ir.js';
import { ARM64_MACHINE } from '../../src/targets/cpu/machine.js';
import { detectNative } from '../../src/targets/native/detect.js';
import { Unsupported } from '../../src/targets/native/native-code.js';
import { ARM64, NO_EMULATOR } from '../support/arm64-emulator.js';
import { machineOf, valueOf, type Machine } from '../support/ir-machine.js';

const { i32 } = ir;
const linux = true;

function wordsOf(...functions: ir.Func[]): Uint32Array {
  return new Uint32Array(encodeArm64({ functions }, { linux }).bytes.buffer);
}

/** How often instructions occur that are `bits` where `mask` has ones. */
const count = (words: Uint32Array, mask: number, bits: number): number =>
  words.filter((word) => ((word & mask) ^ bits) === 0).length;

describe('the code of arm64', () => {
  it('keeps the sums of the matrix kernel in registers, and loads nothing twice', () => {
    const { rows, vectors, unroll } = ARM64_MACHINE.tile;
    const distances = Array.from({ length: rows }, (_, row) => 4 * row);
    const steps = { kind: 'stride', bytes: 4 * rows } as const;
    const options = { machine: ARM64_MACHINE, vectors, steps, blocked: true };
    const words = wordsOf(tileFunction('tile', distances, options));
    // The loop over `unroll` steps and the one over the rest.
    const rounds = unroll + 1;
    expect(count(words, 0xff00f400, 0x4f001000)).toBe(rounds * rows * vectors); // fmla by an element
    expect(count(words, 0xffc00000, 0xbd400000) + count(words, 0xffe00c00, 0xbc600800)).toBe(rounds * rows);
    // Vectors: of the panel, and the sums of an earlier block.
    const loaded = count(words, 0xffc00000, 0x3dc00000) + count(words, 0xffe00c00, 0x3ce00800);
    expect(loaded).toBe(rounds * vectors + rows * vectors);
    const stored = count(words, 0xffc00000, 0x3d800000) + count(words, 0xffe00c00, 0x3ca00800);
    expect(stored).toBe(rows * vectors);
  });

  it('leaves the platform its register, and the frames theirs', () => {
    const run = ir.func('run', ['n'], (b, n) => {
      const values = Array.from({ length: 40 }, (_, k) => b.let(ir.load('i32', n, 4 * k)));
      for (const [k, value] of values.entries()) b.store('i32', n, value, 4 * k);
    });
    const registers = new Set([...wordsOf(run)].map((word) => word & 31));
    for (const reserved of [18, 29]) expect(registers.has(reserved)).toBe(false);
  });

  it('has no host functions but the clock', () => {
    const run = (name: ir.HostFunction, ...args: ir.Expr[]): ir.Func =>
      ir.func('run', [], (b) => {
        b.store('f64', i32(0), ir.host(name, ...args));
      });
    expect(() => wordsOf(run('exp', ir.f64(1)))).toThrow(Unsupported);
    expect(() => wordsOf(run('now'))).not.toThrow();
  });

  it('is what arm64 machines get', () => {
    const host = { platform: 'darwin', arch: 'arm64', limit: undefined, ask: () => new Uint32Array(4) };
    expect(detectNative(host)).toMatchObject({ name: 'arm64 NEON', machine: ARM64_MACHINE });
    expect(arm64Target(host).trampoline.length % 4).toBe(0);
  });
});

describe('factors that stay scalars', () => {
  const [x, sum] = [ir.local('f32v', 'x'), ir.local('f32v', 'sum')];
  const isFactor = (build: (b: ir.Builder) => void): boolean => splatFactors(ir.func('f', [], build)).has(x);
  const spread = (b: ir.Builder): void => {
    b.set(x, ir.loadSplat('f32', i32(0)));
  };
  const column = ir.load('f32', i32(16), 0, true);

  it('are numbers in all lanes that are only multiplied', () => {
    expect(
      isFactor((b) => {
        spread(b);
        b.set(sum, ir.fma(ir.get(x), column, ir.get(sum)));
        b.set(sum, ir.mul(column, ir.get(x)));
        b.set(x, ir.splat(ir.load('f32', i32(4))));
      }),
    ).toBe(true);
  });

  it.each<[string, (b: ir.Builder) => void]>([
    ['added', (b) => b.set(sum, ir.fma(column, column, ir.get(x)))],
    ['stored', (b) => b.store('f32', i32(0), ir.get(x))],
    ['squared', (b) => b.set(sum, ir.mul(ir.get(x), ir.get(x)))],
    ['made of a vector as well', (b) => b.set(x, column)],
  ])('and not what is %s', (_, use) => {
    expect(
      isFactor((b) => {
        spread(b);
        use(b);
      }),
    ).toBe(false);
  });
});

const skipped = NO_EMULATOR === undefined ? '' : ` (skipped: ${NO_EMULATOR})`;

describe.skipIf(NO_EMULATOR !== undefined)(`arm64, emulated${skipped}`, () => {
  const fill = (m: Machine): void => {
    for (let n = 0; n < 4096; n++) m.f32[n] = n;
  };

  it('multiplies by numbers that are the same in all lanes', () => {
    const value = valueOf(
      ARM64,
      (b) => {
        const row = b.variable(ir.loadSplat('f32', i32(12)));
        const column = b.let(ir.load('f32', i32(64), 0, true));
        const sum = b.variable(ir.constant('f32v', 1));
        b.for(i32(0), i32(3), 1, (n) => {
          b.set(sum, ir.fma(ir.get(row), column, ir.get(sum)));
          b.set(row, ir.splat(ir.add(ir.load('f32', i32(8)), ir.convert('fromS', 'f32', n))));
        });
        return ir.mul(ir.get(sum), ir.splat(ir.load('f32', i32(8))));
      },
      fill,
    );
    // 3 + 2 + 3 times the column, and 1; times 2.
    expect(value).toEqual([16, 17, 18, 19].map((each) => 2 * (8 * each + 1)));
  });

  it('reaches all offsets, odd ones too, in loads, stores and pointers that change', () => {
    const offsets = [
      0,
      1,
      2,
      3,
      5,
      255,
      256,
      257,
      4093,
      4095,
      4096,
      16380,
      16381,
      65535,
      65536,
      65540,
      1 << 20,
    ];
    const sizes = ['u8', 'u16', 'i32', 'f64'] as const;
    const run = ir.func(
      'run',
      ['from', 'to'],
      (b, from, to) => {
        const at = b.variable(from);
        for (const element of sizes) {
          for (const offset of offsets) {
            b.store(element, to, ir.load(element, ir.get(at), offset), offset);
            b.store('i32', to, ir.load('i32', ir.get(at), offset + 16, true), offset + 16);
          }
          b.set(at, ir.add(ir.get(at), i32(0)));
        }
      },
      true,
    );
    const m = machineOf(ARM64, { functions: [run] });
    const [from, to] = [64, 2 << 20];
    for (let n = 0; n < 2 << 20; n++) m.u8[n] = (n * 2654435761) >>> 24;
    m.call('run', from, to);
    for (const offset of offsets)
      expect([...m.u8.subarray(to + offset, to + offset + 32)]).toEqual([
        ...m.u8.subarray(from + offset, from + offset + 8),
        ...m.u8.subarray(to + offset + 8, to + offset + 16),
        ...m.u8.subarray(from + offset + 16, from + offset + 32),
      ]);
    // Where nothing was copied to, nothing is.
    expect(m.u8.subarray(to + 70000, to + 80000).every((each) => each === 0)).toBe(true);
  });

  it('has frames of any size', () => {
    const COUNT = 4500;
    const run = ir.func(
      'run',
      ['from', 'to'],
      (b, from, to) => {
        const vectors = Array.from({ length: COUNT }, (_, n) => b.let(ir.load('f32', from, 4 * n, true)));
        // A call keeps no vectors: all of them go to the stack.
        b.call('nothing', from, to);
        vectors.forEach((vector, n) => {
          b.store('f32', to, vector, 4 * n);
        });
      },
      true,
    );
    const nothing = ir.func('nothing', ['from', 'to'], (b, from, to) => {
      b.store('i32', from, to, 4 * 8000);
    });
    const m = machineOf(ARM64, { functions: [run, nothing] });
    for (let n = 0; n < COUNT + 4; n++) m.f32[n] = n;
    m.call('run', 0, 1 << 20);
    expect(m.f32.slice(1 << 18, (1 << 18) + COUNT)).toEqual(m.f32.slice(0, COUNT));
    expect(m.i32[8000]).toBe(1 << 20);
  });

  it('tells a time that goes on', () => {
    const now = (): number => valueOf(ARM64, ir.host('now'))[0] ?? 0;
    const first = now();
    expect(now()).toBeGreaterThan(first);
  });

  it('dies of what lies outside the heap', () => {
    expect(() => valueOf(ARM64, ir.load('i32', i32(1 << 30)))).toThrow(/died/);
  });
});
