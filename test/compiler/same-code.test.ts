import { expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import { variable } from '../../src/compiler/index-expr.js';
import { compileGraph } from '../../src/compiler/program.js';
import { structureOf } from '../../src/graph/structure.js';
import { lowerProgram } from '../../src/targets/cpu/program.js';
import { WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { Tensor } from '../../src/tensor/index.js';
import { randomValue } from '../support/device-agreement.js';

const random = new HostRandom(3);
const x = new Tensor(randomValue(random, [2, 6, 10, 10]));
const weight = new Tensor(randomValue(random, [8, 6, 3, 3]));
const activation = x.conv2d(weight, undefined, { stride: 2 });
const centred = activation.sub(activation.mean([0, 2, 3], { keepDims: true }));
const output = centred
  .div(centred.square().mean([0, 2, 3], { keepDims: true }).sqrt())
  .transpose(1, 2)
  .softmax(-1).node;

function code(): string {
  const { inputs, scalars } = structureOf([output]);
  const graph = { inputs, scalars, outputs: [output], overwrites: [undefined] };
  const { module } = lowerProgram(compileGraph(graph, WASM_MACHINE.traits), WASM_MACHINE);
  return Buffer.from(encodeModule(module, { relaxedFma: false, shared: true })).toString('hex');
}

it('makes the same code of a graph, whatever was compiled before', () => {
  const before = variable(1).id;
  const expected = code();
  const used = variable(1).id - before;
  for (const [n, digits] of [1000, 10_000, 100_000, 1_000_000].entries()) {
    // Variables are numbered with one digit more from somewhere in the middle on.
    const first = digits - Math.round((used * (n + 1)) / 5);
    for (let { id } = variable(1); id < first; { id } = variable(1));
    expect(code()).toBe(expected);
  }
});
