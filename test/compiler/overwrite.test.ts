import { expect, it } from 'vitest';
import { compile, inspect, setDevice, Variable, tensor, type Tensor } from '../../src/index.js';
import { usableDevices } from '../support/devices.js';

/** A step that sums rows and moves a variable by the sums, whose old value it needs. */
function step(): { readonly run: (x: Tensor) => Tensor; readonly state: Variable } {
  const state = new Variable(tensor([1, 2, 3, 4]));
  return {
    state,
    run: (x) => {
      const moved = state.mul(0.5).add(x.sum(1));
      state.assign(moved);
      return moved.sum();
    },
  };
}

const x = tensor(
  Array.from({ length: 4 }, (_, row) => Array.from({ length: 40 }, (__, column) => row + column)),
);

it('a sum and the update that uses it are one kernel, which writes over the variable', () => {
  const { run } = step();
  expect(inspect(compile(run), x).kernels).not.toContain('loop copy');
});

it.each(usableDevices())('such updates are right, step after step, on %s', async (device) => {
  setDevice(device);
  try {
    const { run, state } = step();
    const compiled = compile(run);
    for (let i = 0; i < 3; i++) await compiled(x).item();
    const sums = [780, 820, 860, 900];
    expect(await state.array()).toEqual(sums.map((sum, i) => (i + 1) / 8 + sum * 1.75));
  } finally {
    setDevice('auto');
  }
});
