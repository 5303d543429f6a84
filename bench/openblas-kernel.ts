/** OpenBLAS picks its kernels by the processor's model number, and picks badly for models newer than itself: it is measured instead. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The kernels for vectors of 512 and 256 bits, and its own choice. */
const CANDIDATES = [undefined, 'SapphireRapids', 'SkylakeX', 'Haswell'] as const;

/** The variables that make the OpenBLAS of this Python use its fastest kernels that compute right; none if it cannot be asked. */
export function openblasKernel(python: string): Readonly<Record<string, string | undefined>> {
  const script = fileURLToPath(new URL('./peers/openblas_speed.py', import.meta.url));
  let best: { readonly kernel: string | undefined; readonly gigaflops: number } | undefined;
  for (const kernel of CANDIDATES) {
    const env = {
      ...process.env,
      OPENBLAS_NUM_THREADS: '1',
      OPENBLAS_CORETYPE: kernel,
      OPENBLAS_L2_SIZE: undefined,
    };
    // A kernel for another processor crashes, and is then no candidate.
    const { stdout, status } = spawnSync(python, [script], { env, encoding: 'utf8', timeout: 20_000 });
    const gigaflops = Number(stdout);
    // Another one must be faster by more than chance.
    if (status === 0 && gigaflops > 1.05 * (best?.gigaflops ?? 0)) best = { kernel, gigaflops };
  }
  if (best !== undefined)
    console.error(
      `OpenBLAS with kernels ${best.kernel ?? 'of its choice'}: ${best.gigaflops.toFixed(0)} GFLOP/s`,
    );
  return best === undefined ? {} : { OPENBLAS_CORETYPE: best.kernel, OPENBLAS_L2_SIZE: undefined };
}
