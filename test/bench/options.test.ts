import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../bench/options.js';

const parse = (...args: readonly string[]) => parseOptions(args, ['a', 'b'], ['pytorch', 'jax-js']);

describe('the command line of the benchmark', () => {
  test('everything, unless told otherwise', () => {
    expect(parse()).toEqual({
      json: false,
      only: undefined,
      targets: undefined,
      peers: undefined,
      threads: undefined,
    });
  });

  test('rows are picked by name', () => {
    expect(parse('a', 'b', '--json')).toMatchObject({ json: true, only: ['a', 'b'] });
    expect(parse('--only', 'a, b')).toMatchObject({ only: ['a', 'b'] });
  });

  test('devices, peers and threads are picked', () => {
    expect(parse('a', '--target', 'native,wasm')).toMatchObject({ only: ['a'], targets: ['native', 'wasm'] });
    expect(parse('--peers', 'jax-js')).toMatchObject({ peers: ['jax-js'] });
    expect(parse('--no-peers')).toMatchObject({ peers: [] });
    expect(parse('--threads', '2')).toMatchObject({ threads: 2 });
  });

  test('what is unknown is named', () => {
    expect(parse('a', 'c')).toBe("there is no row 'c'");
    expect(parse('--peers', 'numpy')).toBe("there is no peer 'numpy'");
    expect(parse('--threads', 'many')).toBe('--threads: many is not a number of threads');
    expect(parse('--quick')).toContain('--quick');
  });
});
