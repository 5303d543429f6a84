/** This library as a contender, on one device. */
import { fileURLToPath } from 'node:url';
import { ProcessContender } from './process-contender.js';

/** The devices that the benchmark measures unless told otherwise; each has bars of its own. */
export const TARGETS = ['native', 'wasm'] as const;

export const ours = (target: string): ProcessContender =>
  new ProcessContender(`tensorloom on ${target}`, [
    process.execPath,
    '--import',
    import.meta.resolve('tsx'),
    fileURLToPath(new URL('./ours-process.ts', import.meta.url)),
    target,
  ]);
