/** This library's process in a comparison; the argument names the device. */
import { currentDevice, deviceNames, setDevice, setThreads, threadCount } from '../src/runtime/index.js';
import { CpuDevice } from '../src/runtime/cpu-device.js';
import { refuse, serve } from './peers/serve.mjs';
import { rows } from './rows/index.js';

const name = process.argv[2] ?? '';

/** What the device is, or the reason why there is none. */
function start(): string {
  if (!deviceNames().includes(name)) throw new Error(`this build has no device '${name}'`);
  setDevice(name);
  const { description, name: actual } = currentDevice();
  return `device ${actual}, ${description}`;
}

/** A row whose programs are all code of the device's own kind: others would be measured under a wrong name. */
const faithful = (prepare: () => () => unknown) => async () => {
  const device = currentDevice();
  const before = device instanceof CpuDevice ? device.refusals.length : 0;
  const run = prepare();
  await run();
  const [refusal] = device instanceof CpuDevice ? device.refusals.slice(before) : [];
  if (refusal !== undefined) throw new Error(`not all of it runs on ${name}: ${refusal}`);
  return run;
};

let version;
try {
  version = start();
} catch (error) {
  refuse(error);
}
if (version !== undefined) {
  const compared = rows.flatMap((row) =>
    row.kind === 'compared' ? [[row.name, faithful(row.prepare)] as const] : [],
  );
  await serve(version, Object.fromEntries(compared), (threads) => {
    if (threadCount() !== threads) setThreads(threads);
  });
}
// Threads of ours would keep the process alive.
process.exit(0);
