import { beforeAll, describe, expect, it, vi } from 'vitest';
import { main as digits } from '../../examples/digits.js';
import { main as line } from '../../examples/line.js';
import { main as ownLayer } from '../../examples/own-layer.js';
import { main as saveAndLoad } from '../../examples/save-and-load.js';
import { main as trainingLoop } from '../../examples/training-loop.js';

beforeAll(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
});

describe('the examples do what they say', () => {
  it('line: finds the line', async () => {
    const { slope, offset } = await line({ steps: 60 });
    expect(slope).toBeCloseTo(3, 1);
    expect(offset).toBeCloseTo(0.5, 1);
  });

  it('digits: learns more than chance', async () => {
    expect(await digits({ samples: 600, epochs: 2 })).toBeGreaterThan(0.3);
  });

  it('training-loop: learns more than chance', async () => {
    expect(await trainingLoop({ samples: 500, epochs: 3 })).toBeGreaterThan(0.3);
  });

  it('own-layer: tells the moons apart', async () => {
    expect(await ownLayer({ epochs: 12 })).toBeGreaterThan(0.85);
  });

  it('save-and-load: the copy agrees', async () => {
    expect(await saveAndLoad()).toBe(true);
  });
});
