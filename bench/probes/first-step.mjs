// A fresh process up to the end of its first training step of mnist-cnn, on the built package, as a user's program has it. The argument
// names the device.
// Prints when that was (milliseconds since 1970), and how long it took from the call to the start of the compiled program.
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { compile, grad, nn, optim, tensor } = /** @type {typeof import('../../src/index.js')} */ (
  await import(new URL('../../dist/index.js', import.meta.url).href)
);
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The same.
const { currentDevice } = /** @type {typeof import('../../src/runtime/devices.js')} */ (
  await import(new URL('../../dist/runtime/devices.js', import.meta.url).href)
);

const model = new nn.Sequential(
  new nn.Conv2d(1, 32, 3),
  nn.relu,
  new nn.MaxPool2d(2),
  new nn.Conv2d(32, 64, 3),
  nn.relu,
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(1600, 10),
);
const optimizer = optim.adam({ lr: 1e-3 }).for(model);
const step = compile(
  /** @param {import('../../src/index.js').Tensor} x @param {import('../../src/index.js').Tensor} y */
  (x, y) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  },
);
const pictures = new Float32Array(64 * 784).map(Math.random);
const labels = new Int32Array(64).map((_, i) => i % 10);

// The latest start of a program; the step's own is the last.
let started = 0;
const device = currentDevice();
const compileProgram = device.compile.bind(device);
device.compile = (/** @type {import('../../src/runtime/device.js').ProgramGraph} */ graph) => {
  const program = compileProgram(graph);
  const run = program.run.bind(program);
  program.run = (...args) => {
    started = performance.now();
    run(...args);
  };
  return program;
};

const called = performance.now();
await step(tensor(pictures, { shape: [64, 1, 28, 28] }), tensor(labels, { shape: [64] })).item();
const ended = performance.timeOrigin + performance.now();
console.log(JSON.stringify({ ended, compile: started - called }));
process.exit(0);
