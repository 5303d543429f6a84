/** The function in which threads meet. */
import { ByteWriter, EMPTY_BLOCK } from './binary.js';
import { OPCODES, type Opcode } from './opcodes.js';

/**
 * Rounds of looking at the generation before going to sleep: some tens of microseconds. Forking and joining costs 0.5 µs while the
 * other threads spin, about 20 µs once they sleep.
 */
const SPINS = 20_000;

/**
 * barrier(state, threads): `state` is the address of the words count and generation. The last to arrive sets the count
 * back, starts the next generation and wakes the others; those watch the generation, which cannot pass by twice since
 * the next one needs them. Where `env.maySleep` is 0 they go on spinning instead of sleeping.
 */
export function encodeBarrier(): ByteWriter {
  const code = new ByteWriter(160);
  const op = (name: Opcode, ...immediates: number[]): void => {
    code.op(OPCODES[name]);
    for (const each of immediates) code.u32(each);
  };
  const constant = (value: number): void => {
    op('i32.const');
    code.s32(value);
  };
  const [state, threads, generation, left] = [0, 1, 2, 3];
  const currentGeneration = (): void => {
    op('local.get', state);
    op('i32.atomic.load', 2, 4);
  };

  code.u32(1); // one run of locals: two of i32
  code.u32(2);
  code.u8(0x7f);

  op('local.get', threads);
  constant(1);
  op('i32.le_s');
  op('if', EMPTY_BLOCK);
  op('return');
  op('end');

  currentGeneration();
  op('local.set', generation);
  op('local.get', state);
  constant(1);
  op('i32.atomic.rmw.add', 2, 0);
  constant(1);
  op('i32.add');
  op('local.get', threads);
  op('i32.eq');
  op('if', EMPTY_BLOCK);
  op('local.get', state);
  constant(0);
  op('i32.atomic.store', 2, 0);
  op('local.get', state);
  constant(1);
  op('i32.atomic.rmw.add', 2, 4);
  op('drop');
  op('local.get', state);
  constant(-1);
  op('memory.atomic.notify', 2, 4);
  op('drop');
  op('return');
  op('end');

  constant(SPINS);
  op('local.set', left);
  op('loop', EMPTY_BLOCK);
  currentGeneration();
  op('local.get', generation);
  op('i32.ne');
  op('if', EMPTY_BLOCK);
  op('return');
  op('end');
  op('local.get', left);
  op('if', EMPTY_BLOCK);
  op('local.get', left);
  constant(1);
  op('i32.sub');
  op('local.set', left);
  op('else');
  op('global.get', 0);
  op('if', EMPTY_BLOCK);
  op('local.get', state);
  op('local.get', generation);
  op('i64.const');
  code.s32(-1); // no time limit
  op('memory.atomic.wait32', 2, 4);
  op('drop');
  op('end');
  op('end');
  op('br', 0);
  op('end');
  op('end');
  return code;
}
