/** The libraries that we compare with. */
import { fileURLToPath } from 'node:url';
import { Peer } from './peer.js';

const script = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
const python = process.env.PYTHON ?? '/usr/bin/python3';

/** How a peer may be run: PyTorch is often faster on one thread than on two; the faster one counts. */
export interface PeerSetting {
  readonly peer: Peer;
  readonly threads: readonly number[];
  /** What to do if it is missing. */
  readonly hint: string;
}

export const peers: readonly PeerSetting[] = [
  {
    peer: new Peer('pytorch', python, script('pytorch.py')),
    threads: [2, 1],
    hint: 'name a Python that has torch and numpy by the environment variable PYTHON',
  },
  {
    peer: new Peer('jax-js', process.execPath, script('jax-js.mjs')),
    threads: [1],
    hint: 'npm ci --prefix bench',
  },
  {
    peer: new Peer('tfjs-wasm', process.execPath, script('tfjs.mjs'), 'wasm'),
    threads: [1],
    hint: 'npm ci --prefix bench',
  },
  {
    peer: new Peer('tfjs-cpu', process.execPath, script('tfjs.mjs'), 'cpu'),
    threads: [1],
    hint: 'npm ci --prefix bench',
  },
];
