// A fresh process up to the end of its first training step, on the built package, as a user's program has it. The arguments name the device
// and the network.
// Prints when that was (milliseconds since 1970), and how long it took from the call to the start of the compiled program.
import { networks } from './networks.mjs';

// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { compile, grad, nn, setDevice, tensor } = /** @type {typeof import('../../src/index.js')} */ (
  await import(new URL('../../dist/index.js', import.meta.url).href)
);
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The same.
const { currentDevice } = /** @type {typeof import('../../src/runtime/devices.js')} */ (
  await import(new URL('../../dist/runtime/devices.js', import.meta.url).href)
);

const [target = '', name] = process.argv.slice(2);
setDevice(target);
const network = networks[/** @type {keyof typeof networks} */ (name)];
const model = network.make();
const optimizer = network.optimizer.for(model);
const step = compile(
  /** @param {import('../../src/index.js').Tensor} x @param {import('../../src/index.js').Tensor} y */
  (x, y) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  },
);
const [batchSize = 0] = network.batch;
const pictures = new Float32Array(network.batch.reduce((all, size) => all * size)).map(Math.random);
const labels = new Int32Array(batchSize).map((_, i) => i % 10);

// The latest start of a program; the step's own is the last.
let started = 0;
const device = currentDevice();
const programOf = device.program.bind(device);
/** @type {(typeof device)['program']} */
const watched = (graph, key) => {
  const program = programOf(graph, key);
  const run = program.run.bind(program);
  program.run = (...args) => {
    started = performance.now();
    run(...args);
  };
  return program;
};
device.program = watched;

const called = performance.now();
await step(tensor(pictures, { shape: network.batch }), tensor(labels, { shape: [batchSize] })).item();
const ended = performance.timeOrigin + performance.now();
console.log(JSON.stringify({ ended, compile: started - called }));
// Ends by itself, once the program has been written.
