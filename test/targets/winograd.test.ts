import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import { gradients } from '../../src/graph/differentiate.js';
import type { Attributes, Node } from '../../src/graph/node.js';
import type { CpuDevice } from '../../src/runtime/cpu-device.js';
import { randomValue, runOnReference, runOnCpu } from '../support/device-agreement.js';
import { winogradDevices } from '../support/winograd-devices.js';
import { prepareWinograd } from './winograd-harness.js';

const random = new HostRandom(11);

function conv(x: Node, w: Node, attributes: Partial<Attributes['conv']> = {}): Node {
  const none = { stride: [1, 1], dilation: [1, 1], inputDilation: [1, 1], groups: 1 };
  return g.conv(x, w, {
    ...none,
    padding: [
      [0, 0],
      [0, 0],
    ],
    ...attributes,
  });
}

const randomConv = (
  x: readonly number[],
  out: number,
  attributes: Partial<Attributes['conv']> = {},
  kernel = [3, 3],
): Node =>
  conv(
    randomValue(random, x),
    randomValue(random, [out, (x[1] ?? 1) / (attributes.groups ?? 1), ...kernel]),
    attributes,
  );

/** Compares with float64 arithmetic, relative to the largest value; gives the kinds of the kernels. */
function compare(outputs: readonly Node[], device: CpuDevice): string[] {
  const { results, program } = runOnCpu(outputs, device);
  runOnReference(outputs).forEach((expected, i) => {
    let largest = 0;
    let error = 0;
    expected.forEach((value, j) => {
      largest = Math.max(largest, Math.abs(value));
      const distance = Math.abs(value - (results[i]?.[j] ?? NaN));
      if (!(distance <= error)) error = distance;
    });
    expect(error / largest, `result ${i}`).toBeLessThan(2e-5);
  });
  return program.compiled.kernels.steps.flatMap((step) => step.map(({ kind }) => kind));
}

describe.each(winogradDevices())('$name', (each) => {
  const check = (outputs: readonly Node[]): string[] => compare(outputs, each.device);

  describe('3x3 convolutions with many channels', () => {
    const both = (low: number, high = low): Attributes['conv']['padding'] => [
      [low, high],
      [low, high],
    ];
    it.each<[string, number[], number, Attributes['conv']['padding']]>([
      ['whole tiles', [8, 16, 18, 18], 24, both(0)],
      ['tiles that reach over the edge', [9, 16, 13, 13], 32, both(0)],
      ['one zero around', [6, 16, 14, 14], 16, both(1)],
      ['two zeros around', [6, 16, 10, 10], 16, both(2)],
      ['other zeros on each side', [6, 16, 12, 10], 16, both(2, 1)],
      ['an image of many tiles', [2, 16, 43, 37], 18, both(1)],
      ['a wide image', [1, 16, 9, 120], 16, both(1)],
      ['a tall image', [1, 16, 120, 9], 16, both(0)],
      ['small images', [40, 16, 6, 6], 16, both(0)],
      ['images that share tiles', [23, 16, 11, 11], 24, both(2)],
      ['images that share tiles in one direction', [14, 16, 11, 14], 24, both(2)],
      ['output channels that fill no tile', [8, 16, 14, 14], 19, both(1)],
      ['an odd number of input channels', [8, 13, 14, 14], 16, both(1)],
    ])('%s', (_, x, out, padding) => {
      expect(check([randomConv(x, out, { padding })])).toEqual(['winogradFilter', 'winograd']);
    });

    it('read inputs and filters where they lie: turned round, mirrored, cut', () => {
      const x = g.permute(randomValue(random, [6, 14, 14, 16]), [0, 3, 1, 2]);
      const w = g.flip(g.permute(randomValue(random, [16, 20, 3, 3]), [1, 0, 2, 3]), [2, 3]);
      const cut = g.slice(randomValue(random, [6, 16, 20, 20]), [0, 0, 3, 2], [6, 16, 18, 19]);
      expect(check([conv(x, w), conv(cut, w)])).not.toContain('contraction');
    });

    it('take an epilogue along', () => {
      const y = randomConv([6, 16, 14, 14], 16, { padding: both(1) });
      const bias = g.expand(g.reshape(randomValue(random, [16]), [1, 16, 1, 1]), y.shape);
      const z = g.add(y, bias);
      const rectified = g.binary('max', z, g.fill(0, z.shape, 'float32'));
      expect(check([rectified])).toEqual(['winogradFilter', 'winograd']);
    });

    it('have gradients of their kind', () => {
      const x = randomValue(random, [8, 16, 14, 14]);
      const w = randomValue(random, [24, 16, 3, 3]);
      const y = conv(x, w);
      const [dx, dw] = gradients(y, [x, w], randomValue(random, y.shape)) as [Node, Node];
      const kinds = check([y, dx, dw]);
      expect(kinds.filter((kind) => kind === 'winograd')).toHaveLength(2);
      expect(kinds).toContain('winogradGradient');
      expect(kinds).not.toContain('contraction');
    });
  });

  it.each<[string, Node]>([
    ['few channels', randomConv([8, 4, 30, 30], 32)],
    ['few results', randomConv([1, 16, 6, 6], 16)],
    ['stride 2', randomConv([8, 16, 29, 29], 16, { stride: [2, 2] })],
    ['dilation 2', randomConv([8, 16, 30, 30], 16, { dilation: [2, 2] })],
    ['groups', randomConv([8, 32, 30, 30], 32, { groups: 2 })],
    ['5x5 filters', randomConv([8, 16, 30, 30], 16, {}, [5, 5])],
  ])('%s: the direct sum', (_, node) => {
    expect(check([node])).not.toContain('winograd');
  });

  describe('gradients of 3x3 filters', () => {
    it.each<[string, number[], number, number]>([
      ['whole tiles', [8, 16, 18, 18], 24, 0],
      ['tiles that reach over the edge', [9, 16, 13, 13], 32, 0],
      ['padding', [9, 16, 14, 15], 16, 1],
      ['more padding', [12, 16, 11, 10], 16, 2],
      ['images of many tiles', [3, 16, 50, 70], 18, 1],
      ['channels that fill no panel or tile', [12, 19, 14, 14], 17, 1],
      ['many output channels', [8, 16, 14, 14], 110, 1],
      ['many input channels', [8, 83, 14, 14], 16, 1],
    ])('%s', (_, x, out, padding) => {
      const input = randomValue(random, x);
      const w = randomValue(random, [out, x[1] ?? 1, 3, 3]);
      const both = [padding, padding] as const;
      const y = conv(input, w, { padding: [both, both] });
      const [dw] = gradients(y, [w], randomValue(random, y.shape)) as [Node];
      expect(check([dw])[0]).toBe('winogradGradient');
    });

    it('take an update along', () => {
      const sum = randomConv([16, 9, 14, 14], 20, {}, [12, 12]);
      const w = randomValue(random, sum.shape);
      const rate = g.fill(0.01, w.shape, 'float32');
      const kinds = check([g.binary('sub', w, g.binary('mul', sum, rate))]);
      expect(kinds).toEqual(['winogradGradient', 'loop']);
    });

    it('of few images are direct sums', () => {
      const w = randomValue(random, [16, 16, 3, 3]);
      const y = conv(randomValue(random, [1, 16, 14, 14]), w);
      const [dw] = gradients(y, [w], randomValue(random, y.shape)) as [Node];
      expect(check([dw])).not.toContain('winogradGradient');
    });
  });

  describe('units of work', () => {
    const apart = { images: 7, channels: 13, outChannels: 20, height: 15, width: 22, padding: 1 };
    const together = { images: 27, channels: 13, outChannels: 20, height: 11, width: 11, padding: 2 };

    it.each([apart, together])(
      'give the same bits however they are shared, whatever scratch holds: %o',
      (shape) => {
        const prepared = prepareWinograd(each, shape, () => random.uniform() - 0.5);
        const { units } = prepared.code;
        expect(units).toBeGreaterThan(2);
        prepared.scratch.fill(0xff);
        prepared.run(0, units);
        const once = prepared.out.slice();
        prepared.out.fill(NaN);
        for (let unit = units - 1; unit >= 0; unit--) {
          prepared.scratch.fill(0xff);
          prepared.run(unit, unit + 1);
        }
        expect(prepared.out).toEqual(once);
        expect(once).not.toContain(NaN);
      },
    );

    it.each([apart, together])('write nothing beyond their scratch: %o', (shape) => {
      const prepared = prepareWinograd(each, shape, () => 1);
      prepared.scratch.fill(0xaa);
      prepared.run(0, prepared.code.units);
      const beyond = prepared.scratch.subarray(prepared.code.scratchBytes);
      expect(beyond.every((byte) => byte === 0xaa)).toBe(true);
    });
  });
});
