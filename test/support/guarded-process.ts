/** Runs hand-written code over guarded memory that reads and writes `length` numbers of buffers of 1000. See guarded-memory.test.ts. */
import { findNativeMachine, surroundings } from '../../src/runtime/native/native-machine.js';
import { fakeTarget } from './fake-native.js';
import { GuardedMemory } from './guarded-memory.js';

const length = Number(process.argv[2]);
const readable = Number(process.argv[3] ?? 0);
const around = surroundings();
const target = fakeTarget(length);
const machine = findNativeMachine(
  around === undefined ? around : { ...around, cpu: '', detect: () => target },
);
if (typeof machine === 'string') throw new Error(machine);
const guarded = new GuardedMemory(machine, [8, 4000, 4000], { readable });
guarded.write(0, Int32Array.of(guarded.address(1), guarded.address(2)));
guarded.write(
  1,
  new Float32Array(1000).map((_, i) => i),
);
const code = target.encode({
  functions: [{ name: 'run', parameters: [], body: [], exported: true }],
});
guarded.call(code, 'run', 0, 1, guarded.address(0));
const wrong = guarded.read(2, new Float32Array(1000)).findIndex((x, i) => x !== 3 * i);
console.log(`wrong at ${wrong}`);
guarded.expectIntact();
guarded.free();
