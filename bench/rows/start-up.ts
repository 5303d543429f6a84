/** From nothing to the first result: fresh processes on the built package. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { summarize } from '../measure.js';
import type { OwnRow } from './row.js';

const PROCESSES = 7;

const run = promisify(execFile);
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

interface FirstStep {
  /** From the start of the process to the end of the first step. */
  readonly startUp: number;
  /** From the first call of the step to the start of its program. */
  readonly compile: number;
}

const measured = new Map<string, Promise<readonly FirstStep[]>>();

/** Rows of one network look at the same processes. */
function firstSteps(target: string, network: string): Promise<readonly FirstStep[]> {
  const key = `${target} ${network}`;
  let steps = measured.get(key);
  if (steps === undefined) measured.set(key, (steps = measureFirstSteps(target, network)));
  return steps;
}

async function measureFirstSteps(target: string, network: string): Promise<readonly FirstStep[]> {
  await run(process.execPath, [path('../../scripts/build.mjs'), '--if-stale']);
  const steps: FirstStep[] = [];
  for (let i = 0; i < PROCESSES; i++) {
    const start = performance.timeOrigin + performance.now();
    const { stdout } = await run(process.execPath, [path('../probes/first-step.mjs'), target, network]);
    const { ended, compile } = JSON.parse(stdout) as { ended: number; compile: number };
    steps.push({ startUp: ended - start, compile });
  }
  return steps;
}

function row(
  name: string,
  network: string,
  limit: number,
  pick: (step: FirstStep) => number,
  note: string,
): OwnRow {
  return {
    kind: 'own',
    name,
    onRequest: false,
    limit,
    async measure(target) {
      return { unit: 'ms', ...summarize((await firstSteps(target, network)).map(pick)), note };
    },
  };
}

const compileRow = (name: string, network: string, limit: number): OwnRow =>
  row(
    name,
    network,
    limit,
    (step) => step.compile,
    `from the first call of the ${network} step to the start of its program, in a fresh process; the limit is what we demand of it`,
  );

export const startUpRows: readonly OwnRow[] = [
  compileRow('compile-cnn', 'mnist-cnn', 150),
  compileRow('compile-resnet18', 'resnet18', 1500),
  row(
    'start-up',
    'mnist-cnn',
    1000,
    (step) => step.startUp,
    'from the start of a process to the end of the first mnist-cnn step; the limit is what we demand of it',
  ),
];
