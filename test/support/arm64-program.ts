/**
 * A static ELF program for Linux on arm64, made by our own assembler, that calls machine code on request. It needs no library and no linker: an emulator
 * for user programs, such as qemu-aarch64, runs it anywhere.
 *
 * The heap and the code lie in a file that it shares with the test. For each command on stdin it calls the code, and answers on stdout with a status.
 */
import { Assembler, STACK, ZERO } from '../../src/targets/arm64/assembler.js';
import { Label } from '../../src/targets/arm64/code-buffer.js';
import { CONDITION } from '../../src/targets/arm64/instructions.js';
import { trampoline } from '../../src/targets/arm64/trampoline.js';

/** Words of a command. With threads, the first two arguments say which one it is of how many. */
const COMMAND = {
  isNewCode: 0,
  entry: 1,
  threads: 2,
  a: 3,
  b: 4,
  c: 5,
  d: 6,
  isNewHeap: 7,
  heap: 8,
  heapBytes: 9,
  codeBytes: 10,
} as const;
export type Command = Readonly<Record<keyof typeof COMMAND, number>>;

export const commandWords = (command: Command): Uint8Array =>
  new Uint8Array(Int32Array.from(Object.keys(COMMAND) as (keyof Command)[], (name) => command[name]).buffer);
/** What it answers: the call has left registers alone as C expects, or not. */
export const STATUS = { good: 0, spoiled: 1 };

/** Where things lie. The heap is where 32 bits do not reach, and nothing is near it. */
const PROGRAM = 0x400000;
const CODE = 0x10000000;
const HEAP = 0x5_0000_0000n;
const STACK_BYTES = 1 << 18;
export const MOST_THREADS = 8;

/** Linux's system calls on arm64. */
const OPEN_AT = 56;
const READ = 63;
const WRITE = 64;
const EXIT = 93;
const EXIT_GROUP = 94;
const CLONE = 220;
const MUNMAP = 215;
const MMAP = 222;
const READ_WRITE = 3;
const READ_EXECUTE = 5;
const SHARED_FIXED = 0x11;
/** What a thread shares with its maker: everything. */
const THREAD = 0x50f00;

/** The register for addresses in the program. */
const BASE = 14;

/** No heap is larger. */
const HEAP_BYTES = 0x80000000;

/** The program as a file. `path` is the file that it shares: code comes first there, heaps lie behind it. */
export function arm64Program(path: string): Uint8Array {
  const HEADER = 0x1000;
  // Behind the header: data, which the code below refers to by place.
  const name = new TextEncoder().encode(`${path}\0`);
  const NAME = HEADER;
  const WORDS = align(NAME + name.length, 16);
  const commandBytes = 4 * Object.keys(COMMAND).length;
  const STATUS_WORD = WORDS + commandBytes;
  const DONE = STATUS_WORD + 4;
  const FILE = STATUS_WORD + 8;
  const TRAMPOLINE = align(STATUS_WORD + 12, 16);
  const enter = trampoline();
  const START = TRAMPOLINE + enter.length;

  const a = new Assembler();
  /** x[to] = an address in the program. */
  const place = (to: number, offset: number): void => {
    a.moveConstant(to, PROGRAM + offset);
  };
  const load = (to: number, offset: number): void => {
    place(BASE, offset);
    a.access('load', 'w', to, { base: BASE, offset: 0 });
  };
  const store = (from: number, offset: number): void => {
    place(BASE, offset);
    a.access('store', 'w', from, { base: BASE, offset: 0 });
  };
  const system = (call: number): void => {
    a.moveConstant(8, call);
    a.systemCall();
  };
  /** Maps a part of the file: x1 bytes from x5. */
  const map = (address: bigint, protection: number): void => {
    load(4, FILE);
    a.moveConstant64(0, address);
    a.moveConstant(2, protection);
    a.moveConstant(3, SHARED_FIXED);
    system(MMAP);
  };
  const command = (word: keyof typeof COMMAND): number => WORDS + 4 * COMMAND[word];
  /** Calls the code; with threads, as the one whose number is in w2. */
  const callCode = (withThreads: boolean): void => {
    load(0, command('entry'));
    a.moveConstant(1, CODE);
    a.arithmetic('add', 0, 0, 1, 0, true);
    a.moveConstant64(1, HEAP);
    if (withThreads) load(3, command('threads'));
    else {
      load(2, command('a'));
      load(3, command('b'));
    }
    load(4, command('c'));
    load(5, command('d'));
    place(BASE, TRAMPOLINE);
    a.callRegister(BASE);
  };

  a.moveConstant(0, -100);
  place(1, NAME);
  a.moveConstant(2, 2);
  a.moveConstant(3, 0);
  system(OPEN_AT);
  store(0, FILE);

  const again = new Label();
  const finish = new Label();
  const oldHeap = new Label();
  const oldCode = new Label();
  const several = new Label();
  const answer = new Label();
  a.bind(again);
  a.moveConstant(0, 0);
  place(1, WORDS);
  a.moveConstant(2, commandBytes);
  system(READ);
  a.arithmeticImmediate('subs', ZERO, 0, commandBytes);
  a.jumpIf(CONDITION.notEqual, finish);
  load(0, command('isNewHeap'));
  a.jumpIfZero(0, oldHeap);
  a.moveConstant64(0, HEAP);
  a.moveConstant(1, HEAP_BYTES);
  system(MUNMAP);
  load(1, command('heapBytes'));
  load(5, command('heap'));
  map(HEAP, READ_WRITE);
  a.bind(oldHeap);
  load(0, command('isNewCode'));
  a.jumpIfZero(0, oldCode);
  // Emulators take mapping as the sign that there is other code.
  load(1, command('codeBytes'));
  a.moveConstant(5, 0);
  map(BigInt(CODE), READ_EXECUTE);
  a.bind(oldCode);
  load(0, command('threads'));
  a.jumpUnlessZero(0, several);

  // One call, with known numbers in all registers that must not change.
  const GENERAL = [19, 20, 21, 22, 23, 24, 25, 26, 27, 28];
  const VECTORS = [8, 9, 10, 11, 12, 13, 14, 15];
  for (const n of GENERAL) a.moveConstant64(n, 0x1111_0000_0000n + BigInt(n));
  for (const n of VECTORS) {
    a.moveConstant(0, n);
    a.floatGeneral('ucvtf', 'f64', n, 0);
  }
  a.arithmeticImmediate('add', 29, STACK, 0, true);
  callCode(false);
  a.moveConstant(0, STATUS.good);
  const check = (isGood: () => void): void => {
    const good = new Label();
    isGood();
    a.jumpIf(CONDITION.equal, good);
    a.moveConstant(0, STATUS.spoiled);
    a.bind(good);
  };
  for (const n of GENERAL)
    check(() => {
      a.moveConstant64(1, 0x1111_0000_0000n + BigInt(n));
      a.arithmetic('subs', ZERO, n, 1, 0, true);
    });
  for (const n of VECTORS)
    check(() => {
      a.moveConstant(1, n);
      a.floatGeneral('ucvtf', 'f64', 0, 1);
      a.floatCompare('f64', n, 0);
    });
  check(() => {
    a.arithmeticImmediate('add', 1, STACK, 0, true);
    a.arithmetic('subs', ZERO, 29, 1, 0, true);
  });
  a.bind(answer);
  store(0, STATUS_WORD);
  a.moveConstant(0, 1);
  place(1, STATUS_WORD);
  a.moveConstant(2, 4);
  system(WRITE);
  a.jump(again);
  a.bind(finish);
  a.moveConstant(0, 0);
  system(EXIT_GROUP);

  // Several threads: this one is number 0, and waits for the others at the end. x19 counts.
  const next = new Label();
  const started = new Label();
  const child = new Label();
  const wait = new Label();
  a.bind(several);
  a.moveConstant(0, 0);
  store(0, DONE);
  a.moveConstant(19, 1);
  a.bind(next);
  load(20, command('threads'));
  a.arithmetic('subs', ZERO, 19, 20);
  a.jumpIf(CONDITION.greaterOrEqual, started);
  a.moveConstant(0, THREAD);
  place(1, stacksAt(START));
  a.moveConstant(2, STACK_BYTES);
  a.multiply('madd', 1, 19, 2, 1);
  for (const n of [2, 3, 4]) a.moveConstant(n, 0);
  system(CLONE);
  a.jumpIfZero(0, child);
  a.arithmeticImmediate('add', 19, 19, 1);
  a.jump(next);

  a.bind(child);
  a.move(2, 19);
  callCode(true);
  place(BASE, DONE);
  const retry = new Label();
  a.bind(retry);
  a.loadExclusive(0, BASE);
  a.arithmeticImmediate('add', 0, 0, 1);
  a.storeExclusive(1, 0, BASE);
  a.jumpUnlessZero(1, retry);
  a.moveConstant(0, 0);
  system(EXIT);

  a.bind(started);
  a.moveConstant(2, 0);
  callCode(true);
  load(1, command('threads'));
  a.arithmeticImmediate('sub', 1, 1, 1);
  place(BASE, DONE);
  a.bind(wait);
  a.loadAcquire(0, BASE);
  a.arithmetic('subs', ZERO, 0, 1);
  a.jumpIf(CONDITION.notEqual, wait);
  a.moveConstant(0, STATUS.good);
  a.jump(answer);

  const code = a.finish();
  const end = START + code.length;
  const file = new Uint8Array(end);
  file.set(elfHeader(PROGRAM + START, end, stacksAt(START) + STACK_BYTES * MOST_THREADS));
  file.set(name, NAME);
  file.set(enter, TRAMPOLINE);
  file.set(code, START);
  return file;
}

/** The stacks of threads lie behind everything else; each grows down from its end. */
const stacksAt = (start: number): number => align(start, 0x10000) + 0x10000;

const align = (offset: number, to: number): number => Math.ceil(offset / to) * to;

/** An ELF file of one segment that may be read, written and run. */
function elfHeader(entry: number, fileBytes: number, memoryBytes: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(64 + 56));
  header.setUint32(0, 0x7f454c46);
  header.setUint32(4, 0x02010100); // 64 bits, least byte first, version 1
  header.setUint16(16, 2, true); // to be executed
  header.setUint16(18, 183, true); // AArch64
  header.setUint32(20, 1, true);
  header.setBigUint64(24, BigInt(entry), true);
  header.setBigUint64(32, 64n, true); // where segments are described
  header.setUint16(52, 64, true);
  header.setUint16(54, 56, true);
  header.setUint16(56, 1, true);
  header.setUint32(64, 1, true); // to be loaded
  header.setUint32(68, 7, true);
  header.setBigUint64(80, BigInt(PROGRAM), true);
  header.setBigUint64(88, BigInt(PROGRAM), true);
  header.setBigUint64(96, BigInt(fileBytes), true);
  header.setBigUint64(104, BigInt(memoryBytes), true);
  header.setBigUint64(112, 0x10000n, true);
  return new Uint8Array(header.buffer);
}
