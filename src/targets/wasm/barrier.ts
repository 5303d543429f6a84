/** The function in which threads meet. */
import { ATTENDANCE, CLOSED, PATIENCE_MS } from '../cpu/attendance.js';
import { ByteWriter, EMPTY_BLOCK } from './binary.js';
import { OPCODES, type Opcode } from './opcodes.js';

/**
 * Rounds of looking at the generation before going to sleep: some tens of microseconds. Forking and joining costs 0.5 µs while the
 * other threads spin, about 20 µs once they sleep.
 */
const SPINS = 20_000;
/** Rounds before the entrance is closed, where threads do not sleep: some tens of milliseconds. */
const PATIENT_SPINS = 3000 * SPINS;

/** What memory.atomic.wait32 gives when the time is over. */
const TIMED_OUT = 2;

/**
 * barrier(state, threads): `state` is the address of the words in `attendance.ts`. The last to arrive sets the count back, starts the next generation and
 * wakes the others; those watch the generation, which cannot pass by twice since the next one needs them. Where `env.maySleep` is 0 they
 * go on spinning instead of sleeping. Who has waited for too long calls `env.waited`, the function of that index, which throws if waiting is in vain, closes
 * the entrance, and goes on waiting.
 */
export function encodeBarrier(waited: number): ByteWriter {
  const code = new ByteWriter(320);
  const op = (name: Opcode, ...immediates: number[]): void => {
    code.op(OPCODES[name]);
    for (const each of immediates) code.u32(each);
  };
  const constant = (value: number): void => {
    op('i32.const');
    code.s32(value);
  };
  const [state, threads, generation, left, absent] = [0, 1, 2, 3, 4];
  /** An atomic instruction on one of the words; `operands` come behind the address. */
  const atomic = (
    name: Opcode & `${string}atomic${string}`,
    word: number,
    operands: () => void = () => undefined,
  ): void => {
    op('local.get', state);
    operands();
    op(name, 2, 4 * word);
  };
  /** Adds `put` to the count; who brings it to `threads` lets all pass. */
  const arrive = (put: () => void): void => {
    atomic('i32.atomic.rmw.add', ATTENDANCE.count, put);
    put();
    op('i32.add');
    op('local.get', threads);
    op('i32.eq');
    op('if', EMPTY_BLOCK);
    atomic('i32.atomic.store', ATTENDANCE.count, () => {
      atomic('i32.atomic.load', ATTENDANCE.absent);
    });
    atomic('i32.atomic.rmw.add', ATTENDANCE.generation, () => {
      constant(1);
    });
    op('drop');
    atomic('memory.atomic.notify', ATTENDANCE.generation, () => {
      constant(-1);
    });
    op('drop');
    op('return');
    op('end');
  };

  code.u32(1); // one run of locals: three of i32
  code.u32(3);
  code.u8(0x7f);

  op('local.get', threads);
  constant(1);
  op('i32.le_s');
  op('if', EMPTY_BLOCK);
  op('return');
  op('end');

  atomic('i32.atomic.load', ATTENDANCE.generation);
  op('local.set', generation);
  arrive(() => {
    constant(1);
  });

  constant(SPINS);
  constant(PATIENT_SPINS);
  op('global.get', 0);
  op('select');
  op('local.set', left);
  op('loop', EMPTY_BLOCK);
  atomic('i32.atomic.load', ATTENDANCE.generation);
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
  op('br', 1);
  op('end');

  op('global.get', 0);
  op('if', EMPTY_BLOCK);
  atomic('memory.atomic.wait32', ATTENDANCE.generation, () => {
    op('local.get', generation);
    op('i64.const');
    code.s32(PATIENCE_MS * 1e6);
  });
  constant(TIMED_OUT);
  op('i32.ne');
  op('br_if', 1);
  op('else');
  constant(PATIENT_SPINS);
  op('local.set', left);
  op('end');

  // Too long. `absent` = the others, then those of them who are absent.
  op('call', waited);
  atomic('i32.atomic.load', ATTENDANCE.entered);
  op('local.get', threads);
  constant(1);
  op('i32.sub');
  op('local.tee', absent);
  op('i32.ge_s');
  op('br_if', 0);
  op('local.get', absent);
  atomic('i32.atomic.rmw.add', ATTENDANCE.entered, () => {
    constant(CLOSED);
  });
  op('i32.sub');
  op('local.tee', absent);
  constant(0);
  op('i32.le_s');
  op('br_if', 0);
  atomic('i32.atomic.store', ATTENDANCE.absent, () => {
    op('local.get', absent);
  });
  arrive(() => {
    op('local.get', absent);
  });
  op('br', 0);
  op('end');
  op('end');
  return code;
}
