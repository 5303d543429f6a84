/** The libraries that we compare with. */
import { fileURLToPath } from 'node:url';
import { openblasKernel } from './openblas-kernel.js';
import { ProcessContender } from './process-contender.js';

const script = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));

/** How a peer may be run. Where there are several ways, the fastest one counts: PyTorch is often faster on one thread than on two. */
export interface PeerSetting {
  readonly peer: ProcessContender;
  readonly threads: readonly number[];
  /** Whether it takes part in a row. */
  readonly plays: (row: string) => boolean;
  /** What to do if it is missing. */
  readonly hint: string;
}

const isProduct = (row: string): boolean => row.startsWith('sgemm-');
/** What takes JavaScript without vectors from ten seconds to minutes. */
const isLong = (row: string): boolean =>
  ['sgemm-1024', 'sgemm-2048', 'mnist-cnn', 'lenet-cifar', 'conv-bn'].includes(row);
const INSTALL = 'npm ci --prefix bench';
const PYTHON = 'name a Python that has torch and numpy by the environment variable PYTHON';

/** All of them: each library's name once for each of its settings. */
export const peerNames = ['pytorch', 'openblas', 'onnxruntime', 'jax-js', 'tfjs-wasm', 'tfjs-cpu'] as const;

type PeerName = (typeof peerNames)[number];

/** The settings of the named peers, none of them started. */
export function peersNamed(names: readonly string[]): PeerSetting[] {
  const python = process.env.PYTHON ?? '/usr/bin/python3';
  const kernel = names.some((name) => name === 'pytorch' || name === 'openblas')
    ? openblasKernel(python)
    : {};
  const inNode = (name: PeerName, file: string, ...args: readonly string[]): ProcessContender =>
    new ProcessContender(name, [process.execPath, script(file), ...args]);
  const blas = (library: string): PeerSetting => ({
    // One thread in earnest: Debian's PyTorch has its matrix products from OpenBLAS, which torch.set_num_threads does not reach.
    peer: new ProcessContender('openblas', [python, script('blas.py'), library], {
      environment: { ...kernel, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' },
      oneCore: true,
    }),
    threads: [1],
    plays: isProduct,
    hint: PYTHON,
  });
  const settings: Readonly<Record<PeerName, readonly PeerSetting[]>> = {
    pytorch: [
      {
        peer: new ProcessContender('pytorch', [python, script('pytorch.py')], {
          environment: kernel,
        }),
        threads: [2, 1],
        plays: (row) => !isProduct(row),
        hint: PYTHON,
      },
    ],
    openblas: [blas('numpy'), blas('torch')],
    onnxruntime: [
      {
        peer: inNode('onnxruntime', 'onnxruntime.mjs'),
        threads: [2, 1],
        plays: (row) => row.startsWith('infer-'),
        hint: INSTALL,
      },
    ],
    'jax-js': [{ peer: inNode('jax-js', 'jax-js.mjs'), threads: [1], plays: () => true, hint: INSTALL }],
    'tfjs-wasm': [
      { peer: inNode('tfjs-wasm', 'tfjs.mjs', 'wasm'), threads: [1], plays: () => true, hint: INSTALL },
    ],
    'tfjs-cpu': [
      {
        peer: inNode('tfjs-cpu', 'tfjs.mjs', 'cpu'),
        threads: [1],
        plays: (row) => !isLong(row),
        hint: INSTALL,
      },
    ],
  };
  return peerNames.filter((name) => names.includes(name)).flatMap((name) => settings[name]);
}
