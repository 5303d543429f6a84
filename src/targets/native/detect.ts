/** Which machine code the machine understands. */
import { arm64Target } from '../arm64/target.js';
import { x64Target } from '../x64/target.js';
import type { DetectNative } from './native-code.js';

/** The target for a machine, or why there is none. */
export const detectNative: DetectNative = (host) => {
  if (host.arch === 'x64') return x64Target(host);
  if (host.arch === 'arm64') return arm64Target(host);
  return `there is no code generator for ${host.arch}`;
};
