// The inference row of the benchmark in ONNX Runtime.
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   The library is not installed where this file is checked, so it has no types. */
import { readFileSync } from 'node:fs';
import { noise } from './data.mjs';
import { mnistCnnOnnx } from './onnx-model.mjs';
import { serve } from './serve.mjs';

/** @type {(name: string) => Promise<any>} */
const library = (name) => import(name);
const { InferenceSession, Tensor } = await library('onnxruntime-node');

const { version } = /** @type {{ version: string }} */ (
  JSON.parse(readFileSync(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8'))
);

let threads = 1;

await serve(
  version,
  {
    'infer-cnn': async () => {
      const model = mnistCnnOnnx();
      // A session keeps its number of threads. All graph optimizations are on by default.
      const session = (/** @type {number} */ intraOpNumThreads) =>
        InferenceSession.create(model, { intraOpNumThreads, interOpNumThreads: 1 });
      const sessions = [await session(1), await session(2)];
      const picture = noise(784);
      return async () => {
        const { y } = await sessions[threads - 1].run({ x: new Tensor('float32', picture, [1, 1, 28, 28]) });
        return y.data;
      };
    },
  },
  (wanted) => {
    threads = Math.min(wanted, 2);
  },
);
