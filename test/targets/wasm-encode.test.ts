/** What is WebAssembly's own; what the loop IR means is told by loop-ir.test.ts. */
import { describe, expect, it } from 'vitest';
import * as ir from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { machine, valueOf } from '../support/wasm-module.js';

const { i32, f64 } = ir;

describe('constants', () => {
  // Around where their encoding gets longer.
  it.each([0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 2147483647, -2147483648])('%i', (value) => {
    expect(valueOf(i32(value))).toEqual([value]);
  });
});

describe('host functions', () => {
  const cases: [ir.HostFunction, number[], number][] = [
    ['exp', [1], Math.E],
    ['erf', [7], 1],
    ['pow', [2, 10], 1024],
    ['pow', [-1, Infinity], 1],
    ['fmod', [-7, 2], -1],
    ['atan2', [1, -1], (3 * Math.PI) / 4],
  ];
  for (const [name, args, expected] of cases)
    it(`${name}(${args.join(', ')}) = ${expected}`, () => {
      expect(valueOf(ir.host(name, ...args.map(f64)))).toEqual([expected]);
    });
});

describe('modules', () => {
  const empty = ir.func('run', [], () => undefined, true);
  it('link with memories of any maximum', () => {
    for (const maximum of [1, 100, 65536]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
      expect(() => machine({ functions: [empty] }, { memory })).not.toThrow();
    }
  });
  it('link with unshared memory when told so', () => {
    const bytes = encodeModule({ functions: [empty] }, { relaxedFma: false, shared: false });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 10 });
    expect(() => new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })).not.toThrow();
  });
  it('import only what they use', () => {
    const module = new WebAssembly.Module(encodeModule({ functions: [empty] }, { relaxedFma: false }));
    expect(WebAssembly.Module.imports(module).map(({ name }) => name)).toEqual(['memory']);
  });
  it('may have functions with more than 127 locals and a body of more than 16 KiB', () => {
    const run = ir.func(
      'run',
      [],
      (b) => {
        for (let n = 0; n < 2000; n++) {
          const value = b.let(ir.load('i32', i32(n * 4)));
          b.store('i32', i32(n * 4), ir.add(ir.mul(value, value), i32(n)));
        }
      },
      true,
    );
    const m = machine({ functions: [run] });
    m.call('run');
    expect(m.i32[1999]).toBe(1999);
  });
  it('reject a call of a function they do not have', () => {
    const lost = ir.func('run', [], (b) => {
      b.call('nowhere');
    });
    expect(() => encodeModule({ functions: [lost] }, { relaxedFma: false })).toThrow(/nowhere/);
  });
  it('reject operations that a type does not have', () => {
    const broken = ir.func('run', [], (b) => {
      b.store('i32', i32(0), ir.unary('sqrt', i32(4)));
    });
    expect(() => encodeModule({ functions: [broken] }, { relaxedFma: false })).toThrow(/sqrt of i32/);
  });
});
