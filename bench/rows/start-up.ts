/** From nothing to the first result: fresh processes on the built package. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** What the processes run: `kept` says whether they find the program that another one has made. */
interface Start {
  readonly network: string;
  readonly kept: boolean;
}

const measured = new Map<string, Promise<readonly FirstStep[]>>();

/** Rows of the same start look at the same processes. */
function firstSteps(target: string, start: Start): Promise<readonly FirstStep[]> {
  const key = `${target} ${start.network} ${start.kept}`;
  let steps = measured.get(key);
  if (steps === undefined) measured.set(key, (steps = measureFirstSteps(target, start)));
  return steps;
}

async function measureFirstSteps(target: string, { network, kept }: Start): Promise<readonly FirstStep[]> {
  await run(process.execPath, [path('../../scripts/build.mjs'), '--if-stale']);
  const cache = await mkdtemp(join(tmpdir(), 'bench-programs-'));
  const env = {
    ...process.env,
    TENSORLOOM_CACHE: cache,
    TENSORLOOM_PROGRAM_CACHE: kept ? 'on' : 'off',
  };
  const firstStep = async (): Promise<FirstStep> => {
    const start = performance.timeOrigin + performance.now();
    const { stdout } = await run(process.execPath, [path('../probes/first-step.mjs'), target, network], {
      env,
    });
    const { ended, compile } = JSON.parse(stdout) as { ended: number; compile: number };
    return { startUp: ended - start, compile };
  };
  try {
    if (kept) await firstStep();
    const steps: FirstStep[] = [];
    for (let i = 0; i < PROCESSES; i++) steps.push(await firstStep());
    return steps;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

function row(
  name: string,
  start: Start,
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
      return { unit: 'ms', ...summarize((await firstSteps(target, start)).map(pick)), note };
    },
  };
}

const compileRows = (name: string, network: string, limit: number): readonly OwnRow[] =>
  [false, true].map((kept) =>
    row(
      kept ? `${name}-kept` : name,
      { network, kept },
      limit,
      (step) => step.compile,
      `from the first call of the ${network} step to the start of its program, in a fresh process${
        kept ? ', where an earlier one has kept the program' : ''
      }; the limit is what we demand of it`,
    ),
  );

export const startUpRows: readonly OwnRow[] = [
  ...compileRows('compile-cnn', 'mnist-cnn', 150),
  ...compileRows('compile-resnet18', 'resnet18', 1500),
  row(
    'start-up',
    { network: 'mnist-cnn', kept: false },
    1000,
    (step) => step.startUp,
    'from the start of a process to the end of the first mnist-cnn step; the limit is what we demand of it',
  ),
];
