import { afterEach, expect, it, vi } from 'vitest';
import { compile, tensor, Variable, zeros } from '../../src/tensor/index.js';
import { ProgramRefused } from '../../src/runtime/device.js';
import { currentDevice } from '../../src/runtime/devices.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets the next programs of the device refuse to run, each at its first run; counts the programs and those that were freed. */
function refuse(programs: number): { readonly made: () => number; readonly freed: () => number } {
  const device = currentDevice();
  const programOf = device.program.bind(device);
  let [made, freed] = [0, 0];
  vi.spyOn(device, 'program').mockImplementation((graph, key) => {
    const program = programOf(graph, key);
    const refuses = made++ < programs;
    return {
      run(...args) {
        if (refuses) throw new ProgramRefused('threads cannot take it in');
        program.run(...args);
      },
      free() {
        freed++;
        program.free();
      },
    };
  });
  return { made: () => made, freed: () => freed };
}

it('a program that threads cannot take in is made anew, by compiled functions too', async () => {
  const counts = refuse(2);
  expect(await tensor([1, 2, 3]).mul(7).sum().item()).toBe(42);
  expect([counts.made(), counts.freed()]).toEqual([3, 2]);

  vi.restoreAllMocks();
  const others = refuse(1);
  const total = new Variable(zeros([3]));
  const step = compile((x: ReturnType<typeof tensor>) => {
    total.assign(total.add(x));
    return total.sum();
  });
  expect(await step(tensor([1, 2, 3])).item()).toBe(6);
  expect(await step(tensor([1, 2, 3])).item()).toBe(12);
  expect(await total.array()).toEqual([2, 4, 6]);
  expect(others.freed()).toBe(1);
});
