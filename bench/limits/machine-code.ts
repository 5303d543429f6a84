/**
 * Loops as machine code for x64 that show what the processor can do at the most. Assembled by hand with GNU as; each line is bytes and the
 * instruction (Intel syntax) that they are. They follow the System V calling convention: arguments in rdi, rsi, rdx.
 */

/** The bytes of lines such as `c3  ret`. */
function assembled(lines: string): Uint8Array {
  const bytes = lines
    .trim()
    .split('\n')
    .flatMap((line) => (line.trim().split(/ {2,}/)[0] ?? '').split(' '));
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16));
}

/** Sums that do not wait for each other: more than latency (4 cycles) times units (2). */
export const FMA_CHAINS = 14;

/** `void f(long steps)`: in each step every one of 14 sums gets a product of 16 lanes added. */
export const FMA_512 = assembled(`
  b8 00 00 80 3f     mov eax, 0x3f800000   # the bits of 1.0f
  c5 f9 6e c0        vmovd xmm0, eax
  62 f2 7d 48 18 c0  vbroadcastss zmm0, xmm0
  62 f1 7c 48 28 c8  vmovaps zmm1, zmm0
  c5 e8 57 d2        vxorps xmm2, xmm2, xmm2
  c5 e0 57 db        vxorps xmm3, xmm3, xmm3
  c5 d8 57 e4        vxorps xmm4, xmm4, xmm4
  c5 d0 57 ed        vxorps xmm5, xmm5, xmm5
  c5 c8 57 f6        vxorps xmm6, xmm6, xmm6
  c5 c0 57 ff        vxorps xmm7, xmm7, xmm7
  c4 41 38 57 c0     vxorps xmm8, xmm8, xmm8
  c4 41 30 57 c9     vxorps xmm9, xmm9, xmm9
  c4 41 28 57 d2     vxorps xmm10, xmm10, xmm10
  c4 41 20 57 db     vxorps xmm11, xmm11, xmm11
  c4 41 18 57 e4     vxorps xmm12, xmm12, xmm12
  c4 41 10 57 ed     vxorps xmm13, xmm13, xmm13
  c4 41 08 57 f6     vxorps xmm14, xmm14, xmm14
  c4 41 00 57 ff     vxorps xmm15, xmm15, xmm15
  62 f2 7d 48 b8 d1  again: vfmadd231ps zmm2, zmm0, zmm1
  62 f2 7d 48 b8 d9  vfmadd231ps zmm3, zmm0, zmm1
  62 f2 7d 48 b8 e1  vfmadd231ps zmm4, zmm0, zmm1
  62 f2 7d 48 b8 e9  vfmadd231ps zmm5, zmm0, zmm1
  62 f2 7d 48 b8 f1  vfmadd231ps zmm6, zmm0, zmm1
  62 f2 7d 48 b8 f9  vfmadd231ps zmm7, zmm0, zmm1
  62 72 7d 48 b8 c1  vfmadd231ps zmm8, zmm0, zmm1
  62 72 7d 48 b8 c9  vfmadd231ps zmm9, zmm0, zmm1
  62 72 7d 48 b8 d1  vfmadd231ps zmm10, zmm0, zmm1
  62 72 7d 48 b8 d9  vfmadd231ps zmm11, zmm0, zmm1
  62 72 7d 48 b8 e1  vfmadd231ps zmm12, zmm0, zmm1
  62 72 7d 48 b8 e9  vfmadd231ps zmm13, zmm0, zmm1
  62 72 7d 48 b8 f1  vfmadd231ps zmm14, zmm0, zmm1
  62 72 7d 48 b8 f9  vfmadd231ps zmm15, zmm0, zmm1
  48 ff cf           dec rdi
  75 a7              jne again
  c5 f8 77           vzeroupper
  c3                 ret
`);

/** The same in 8 lanes. */
export const FMA_256 = assembled(`
  b8 00 00 80 3f     mov eax, 0x3f800000   # the bits of 1.0f
  c5 f9 6e c0        vmovd xmm0, eax
  c4 e2 7d 18 c0     vbroadcastss ymm0, xmm0
  c5 fc 28 c8        vmovaps ymm1, ymm0
  c5 e8 57 d2        vxorps xmm2, xmm2, xmm2
  c5 e0 57 db        vxorps xmm3, xmm3, xmm3
  c5 d8 57 e4        vxorps xmm4, xmm4, xmm4
  c5 d0 57 ed        vxorps xmm5, xmm5, xmm5
  c5 c8 57 f6        vxorps xmm6, xmm6, xmm6
  c5 c0 57 ff        vxorps xmm7, xmm7, xmm7
  c4 41 38 57 c0     vxorps xmm8, xmm8, xmm8
  c4 41 30 57 c9     vxorps xmm9, xmm9, xmm9
  c4 41 28 57 d2     vxorps xmm10, xmm10, xmm10
  c4 41 20 57 db     vxorps xmm11, xmm11, xmm11
  c4 41 18 57 e4     vxorps xmm12, xmm12, xmm12
  c4 41 10 57 ed     vxorps xmm13, xmm13, xmm13
  c4 41 08 57 f6     vxorps xmm14, xmm14, xmm14
  c4 41 00 57 ff     vxorps xmm15, xmm15, xmm15
  c4 e2 7d b8 d1     again: vfmadd231ps ymm2, ymm0, ymm1
  c4 e2 7d b8 d9     vfmadd231ps ymm3, ymm0, ymm1
  c4 e2 7d b8 e1     vfmadd231ps ymm4, ymm0, ymm1
  c4 e2 7d b8 e9     vfmadd231ps ymm5, ymm0, ymm1
  c4 e2 7d b8 f1     vfmadd231ps ymm6, ymm0, ymm1
  c4 e2 7d b8 f9     vfmadd231ps ymm7, ymm0, ymm1
  c4 62 7d b8 c1     vfmadd231ps ymm8, ymm0, ymm1
  c4 62 7d b8 c9     vfmadd231ps ymm9, ymm0, ymm1
  c4 62 7d b8 d1     vfmadd231ps ymm10, ymm0, ymm1
  c4 62 7d b8 d9     vfmadd231ps ymm11, ymm0, ymm1
  c4 62 7d b8 e1     vfmadd231ps ymm12, ymm0, ymm1
  c4 62 7d b8 e9     vfmadd231ps ymm13, ymm0, ymm1
  c4 62 7d b8 f1     vfmadd231ps ymm14, ymm0, ymm1
  c4 62 7d b8 f9     vfmadd231ps ymm15, ymm0, ymm1
  48 ff cf           dec rdi
  75 b5              jne again
  c5 f8 77           vzeroupper
  c3                 ret
`);

/** `void f(void *to, const void *from, long bytes)`: plain loads and stores of 32 bytes; `bytes` is a multiple of 128. */
export const COPY_256 = assembled(`
  48 01 d7           add rdi, rdx
  48 01 d6           add rsi, rdx
  48 f7 da           neg rdx               # counts up to 0
  c5 fc 10 04 16     again: vmovups ymm0, [rsi + rdx]
  c5 fc 10 4c 16 20  vmovups ymm1, [rsi + rdx + 32]
  c5 fc 10 54 16 40  vmovups ymm2, [rsi + rdx + 64]
  c5 fc 10 5c 16 60  vmovups ymm3, [rsi + rdx + 96]
  c5 fc 11 04 17     vmovups [rdi + rdx], ymm0
  c5 fc 11 4c 17 20  vmovups [rdi + rdx + 32], ymm1
  c5 fc 11 54 17 40  vmovups [rdi + rdx + 64], ymm2
  c5 fc 11 5c 17 60  vmovups [rdi + rdx + 96], ymm3
  48 83 ea 80        sub rdx, -128
  75 cc              jne again
  c5 f8 77           vzeroupper
  c3                 ret
`);
