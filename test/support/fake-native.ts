/** Machine code written by hand, which shows who runs it: where a graph asks for twice a value, it gives the threefold. For Linux x64. */
import { AVX2_MACHINE } from '../../src/targets/cpu/machine.js';
import type { Module } from '../../src/targets/cpu/ir.js';
import { Unsupported, type NativeCode, type NativeTarget } from '../../src/targets/native/native-code.js';

/** Whether hand-written code can run here. */
export const CAN_RUN_X64 = process.platform === 'linux' && process.arch === 'x64';

/** `jmp rdi`: the code finds the heap in rsi and its arguments in edx, ecx, r8d, r9d. */
export const TRAMPOLINE = Uint8Array.of(0xff, 0xe7);

/** `run(thread, threads, table)`: every `threads`-th of `length` elements of buffer 1 becomes three times that of buffer 0. */
function threefold(length: number): number[] {
  const [b0, b1, b2, b3] = new Uint8Array(Uint32Array.of(length).buffer) as unknown as [
    number,
    number,
    number,
    number,
  ];
  // prettier-ignore
  return [
    0x46, 0x8b, 0x14, 0x06,             // mov r10d, [rsi + r8]
    0x46, 0x8b, 0x5c, 0x06, 0x04,       // mov r11d, [rsi + r8 + 4]
    0x49, 0x01, 0xf2,                   // add r10, rsi
    0x49, 0x01, 0xf3,                   // add r11, rsi
    0x89, 0xd0,                         // mov eax, edx
    0x3d, b0, b1, b2, b3,               // next: cmp eax, length
    0x7d, 0x1b,                         // jge end
    0xf3, 0x41, 0x0f, 0x10, 0x04, 0x82, // movss xmm0, [r10 + 4 rax]
    0x0f, 0x28, 0xc8,                   // movaps xmm1, xmm0
    0xf3, 0x0f, 0x58, 0xc0,             // addss xmm0, xmm0
    0xf3, 0x0f, 0x58, 0xc1,             // addss xmm0, xmm1
    0xf3, 0x41, 0x0f, 0x11, 0x04, 0x83, // movss [r11 + 4 rax], xmm0
    0x01, 0xc8,                         // add eax, ecx
    0xeb, 0xde,                         // jmp next
    0xc3,                               // end: ret
  ];
}

/** A kernel (table, begin, end, scratch): writes `end` to where `scratch` begins. */
// prettier-ignore
const NOTE_END = [
  0x46, 0x89, 0x04, 0x0e, // mov [rsi + r9], r8d
  0xc3,                   // ret
];

/** A target whose programs give the threefold of `length` elements. It refuses modules that call host functions, and `refuses`. */
export function fakeTarget(length: number, refuses: (module: Module) => boolean = () => false): NativeTarget {
  return {
    name: 'by hand',
    machine: AVX2_MACHINE,
    trampoline: TRAMPOLINE,
    encode(module): NativeCode {
      if (refuses(module)) throw new Unsupported('not by hand');
      const run = threefold(length);
      const entries = module.functions.map(({ name }): [string, number] => [
        name,
        name === 'run' ? 0 : run.length,
      ]);
      return { bytes: Uint8Array.of(...run, ...NOTE_END), entries: new Map(entries) };
    },
  };
}
