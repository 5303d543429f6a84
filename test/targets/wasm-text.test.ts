import { describe, expect, it } from 'vitest';
import * as ir from '../../src/targets/cpu/ir.js';
import { printModule } from '../../src/targets/cpu/print.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmText } from '../../src/targets/wasm/text.js';

const { i32 } = ir;

const module: ir.Module = {
  functions: [
    ir.func(
      'scale',
      ['p', 'n'],
      (b, p, n) => {
        b.for(i32(0), n, 4, (i) => {
          const at = b.let(ir.add(p, ir.binary('shl', i, i32(2))), 'at');
          const x = b.let(ir.load('f32', at, 16, true), 'x');
          b.store('f32', at, ir.fma(x, ir.constant('f32v', 2), ir.constant('f32v', -1)), 16, ir.sub(n, i));
        });
        b.if(
          ir.compare('gt', n, i32(3)),
          () => {
            b.store('f64', p, ir.host('exp', ir.f64(0.5)));
          },
          () => {
            b.push({ kind: 'barrier', state: p, threads: n });
          },
        );
      },
      true,
    ),
  ],
};

describe('printModule', () => {
  it('shows loops, loads and stores as lines', () => {
    expect(printModule(module)).toBe(
      [
        'export scale(p, n)',
        '  for i = 0 to n step 4',
        '    at: i32 = p + (i << 2)',
        '    x: f32v = f32v[at + 16]',
        '    f32v[at + 16] = x * 2 + -1, the first n - i',
        '  if n > 3',
        '    f64[p] = host.exp(0.5)',
        '  else',
        '    barrier(p, n)',
        '',
      ].join('\n'),
    );
  });

  it('numbers locals of one name within their function', () => {
    const twice = ir.func('f', [], (b) => {
      b.let(ir.load('i32', i32(0)), 'x');
      b.let(ir.load('i32', i32(4)), 'x');
    });
    expect(printModule({ functions: [twice, twice] })).toBe(
      [
        'f()',
        '  x: i32 = i32[0]',
        '  x_2: i32 = i32[4]',
        '',
        'f()',
        '  x: i32 = i32[0]',
        '  x_2: i32 = i32[4]',
        '',
      ].join('\n'),
    );
  });
});

describe('wasmText', () => {
  const text = wasmText(encodeModule(module, { relaxedFma: true }));

  it('lists what a module imports', () => {
    expect(text.split('\n').slice(0, 5)).toEqual([
      '(module',
      '  (import "env" "memory" (memory 1 65536 shared))',
      '  (import "env" "exp" (func (param f64) (result f64)))',
      '  (import "env" "waited" (func))',
      '  (import "env" "maySleep" (global i32))',
    ]);
  });

  it('shows vector constants on entry and a loop with its test at the end', () => {
    expect(text).toMatch(
      new RegExp(
        [
          String.raw` {2}\(func \$scale \(export "scale"\) \(param i32 i32\)\n`,
          String.raw`( {4}\(local .*\)\n)+`,
          String.raw` {4}v128.const i32x4( 0x40000000){4}\n {4}local.set \d+\n`,
          String.raw` {4}v128.const i32x4( 0xbf800000){4}\n {4}local.set \d+\n`,
          String.raw` {4}i32.const 0\n {4}local.set 2\n`,
        ].join(''),
      ),
    );
    expect(text).toContain('f32x4.relaxed_madd\n');
    expect(text).toContain('v128.load offset=16 align=4\n');
    expect(text).toMatch(/i32\.lt_s\n {8}br_if 0\n {6}end\n {4}end\n/);
  });

  it('closes every function and names what is called', () => {
    expect(text).toContain('      call $exp\n');
    expect(text).toContain('      call $barrier\n');
    expect(text.match(/^ {2}\)$/gm)).toHaveLength(2);
  });

  it('rejects what is no module', () => {
    expect(() => wasmText(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))).toThrow(/do not begin like/);
    expect(() => wasmText(encodeModule(module, { relaxedFma: true }).subarray(0, 110))).toThrow(
      /bytes are wanted|ends in the middle/,
    );
  });
});
