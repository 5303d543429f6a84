import { describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError, ShapeError } from '../../src/core/errors.js';
import { HostRandom } from '../../src/core/threefry.js';
import {
  colorJitter,
  compose,
  cutout,
  hostArray,
  hostArrayFrom,
  normalize,
  randomCrop,
  randomHorizontalFlip,
  randomRotation,
  toFloat,
} from '../../src/data/index.js';
import type { Batch, Transform } from '../../src/data/index.js';
import { values } from './support.js';

/** Pictures whose pixels are all different from 0, in planes of `height` by `width`. */
function pictures(count = 2, channels = 3, height = 4, width = 5): Batch {
  const data = Uint8Array.from({ length: count * channels * height * width }, (_, i) => 1 + (i % 250));
  return { inputs: hostArray(data, [count, channels, height, width]), targets: hostArrayFrom([0, 1]) };
}

const apply = (transform: Transform, batch = pictures(), seed = 0): Batch =>
  transform(batch, new HostRandom(seed));

const transforms: [string, Transform][] = [
  ['randomCrop', randomCrop({ padding: 2 })],
  ['randomCrop to a size', randomCrop({ size: 3 })],
  ['randomHorizontalFlip', randomHorizontalFlip()],
  ['randomRotation', randomRotation(20)],
  ['colorJitter', colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 })],
  ['cutout', cutout(2)],
];

describe.each(transforms)('%s', (_, transform) => {
  it('gives the same for the same random stream, something else for another', () => {
    const batch = pictures(20);
    expect(apply(transform, batch, 3)).toEqual(apply(transform, batch, 3));
    expect(values(apply(transform, batch, 3).inputs)).not.toEqual(values(apply(transform, batch, 4).inputs));
  });
  it('leaves the batch that it gets as it is', () => {
    const batch = pictures(20);
    apply(transform, batch);
    expect(batch).toEqual(pictures(20));
  });
  it('keeps uint8 uint8 and float32 float32', () => {
    expect(apply(transform).inputs.dtype).toBe('uint8');
    expect(apply(transform, apply(toFloat())).inputs.dtype).toBe('float32');
  });
  it('keeps the targets', () => {
    expect(values(apply(transform).targets)).toEqual([0, 1]);
  });
  it('refuses what is no batch of pictures', () => {
    const flat = { inputs: hostArrayFrom([[1, 2]]), targets: hostArrayFrom([0]) };
    expect(() => apply(transform, flat)).toThrow(ShapeError);
    const ints = { inputs: hostArray(new Int32Array(3), [1, 1, 1, 3]), targets: hostArrayFrom([0]) };
    expect(() => apply(transform, ints)).toThrow(DTypeError);
  });
});

describe('randomCrop', () => {
  /** What the crop must be, found by looking each pixel up. */
  const expected = (
    batch: Batch,
    dy: number,
    dx: number,
    rows: number,
    columns: number,
    fill: number,
  ): number[] => {
    const [count = 0, channels = 0, height = 0, width = 0] = batch.inputs.shape;
    const out: number[] = [];
    for (let plane = 0; plane < count * channels; plane++)
      for (let y = dy; y < dy + rows; y++)
        for (let x = dx; x < dx + columns; x++)
          out.push(
            y < 0 || x < 0 || y >= height || x >= width
              ? fill
              : (batch.inputs.data[(plane * height + y) * width + x] ?? -1),
          );
    return out;
  };

  it.each([
    ['the same size', {}, 4, 5],
    ['a smaller size', { size: [3, 2] as const }, 3, 2],
    ['a larger size', { size: 6 }, 6, 6],
    ['more padding than the picture is large', { padding: 7 }, 4, 5],
  ])('of %s takes each pixel from its place or the padding', (_, options, rows, columns) => {
    const batch = pictures(1);
    const padding = 'padding' in options ? options.padding : 2;
    const places = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const random = new HostRandom(seed);
      const dy = random.integer(4 + 2 * padding - rows + 1) - padding;
      const dx = random.integer(5 + 2 * padding - columns + 1) - padding;
      places.add(`${dy} ${dx}`);
      const { inputs } = apply(randomCrop({ padding, fill: 99, ...options }), batch, seed);
      expect(inputs.shape).toEqual([1, 3, rows, columns]);
      expect(values(inputs)).toEqual(expected(batch, dy, dx, rows, columns, 99));
    }
    expect(places.size).toBeGreaterThan(5);
  });
  it('refuses a crop that is too large, and sizes that are none', () => {
    expect(() => apply(randomCrop({ size: 6 }))).toThrow(
      /6x6 does not fit into pictures of 4x5 with a padding of 0/,
    );
    expect(() => randomCrop({ padding: -1 })).toThrow(ArgumentError);
    expect(() => randomCrop({ size: 0 })).toThrow(ArgumentError);
  });
  it('with a flip takes a batch of 128 small colour pictures in about a millisecond or less', () => {
    const batch = pictures(128, 3, 32, 32);
    const transform = compose(randomCrop({ padding: 4 }), randomHorizontalFlip());
    const times = Array.from({ length: 30 }, (_, seed) => {
      const start = performance.now();
      apply(transform, batch, seed);
      return performance.now() - start;
    }).toSorted((a, b) => a - b);
    // The least of many, and room for a busy machine: it takes 0.3 ms.
    expect(times[2]).toBeLessThan(1.5);
  });
});

describe('randomHorizontalFlip', () => {
  it('with certainty mirrors every row, with a chance of 0 none', () => {
    const batch = pictures(1, 1, 2, 3);
    expect(values(apply(randomHorizontalFlip(1), batch).inputs)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(values(apply(randomHorizontalFlip(0), batch).inputs)).toEqual([1, 2, 3, 4, 5, 6]);
  });
  it('mirrors about half of the pictures', () => {
    const { inputs } = apply(randomHorizontalFlip(), pictures(200, 1, 1, 2));
    const flipped = Array.from(
      { length: 200 },
      (_, i) => (inputs.data[2 * i] ?? 0) > (inputs.data[2 * i + 1] ?? 0),
    );
    expect(flipped.filter(Boolean).length).toBeGreaterThan(70);
    expect(flipped.filter(Boolean).length).toBeLessThan(130);
  });
  it('refuses a probability above 1', () => {
    expect(() => randomHorizontalFlip(1.1)).toThrow(/probability is 1.1/);
  });
});

describe('randomRotation', () => {
  it('by 0 degrees changes nothing', () => {
    expect(apply(randomRotation(0))).toEqual(pictures());
  });
  it('turns about the middle: a bright dot off the middle stays at its distance from it', () => {
    const data = new Float32Array(21 * 21);
    data[10 * 21 + 17] = 1;
    const batch = { inputs: hostArray(data, [1, 1, 21, 21]), targets: hostArrayFrom([0]) };
    const angles = Array.from({ length: 20 }, (_, seed) => {
      const { inputs } = apply(randomRotation(90), batch, seed);
      let [mass, y, x] = [0, 0, 0];
      values(inputs).forEach((value, i) => {
        mass += value;
        y += value * (Math.floor(i / 21) - 10);
        x += value * ((i % 21) - 10);
      });
      expect(mass).toBeGreaterThan(0.5);
      expect(Math.hypot(y / mass, x / mass)).toBeCloseTo(7, 0);
      return Math.atan2(y, x);
    });
    expect(Math.max(...angles)).toBeGreaterThan(0.7);
    expect(Math.min(...angles)).toBeLessThan(-0.7);
  });
  it('takes pixels from outside as the fill', () => {
    const batch = {
      inputs: hostArray(new Uint8Array(64).fill(7), [1, 1, 8, 8]),
      targets: hostArrayFrom([0]),
    };
    expect(values(apply(randomRotation(45, 7), batch).inputs)).toEqual(new Array(64).fill(7));
  });
});

describe('cutout', () => {
  it('blanks out a square, the same in all channels', () => {
    const { inputs } = apply(cutout(3, 0), pictures(50, 2, 8, 8));
    for (let i = 0; i < 50; i++) {
      const planes = [0, 1].map((channel) =>
        values(inputs)
          .slice((2 * i + channel) * 64, (2 * i + channel + 1) * 64)
          .flatMap((value, at) => (value === 0 ? [at] : [])),
      );
      const [holes = []] = planes;
      expect(planes[1]).toEqual(holes);
      const [ys, xs] = [holes.map((at) => at >> 3), holes.map((at) => at & 7)];
      const [height, width] = [ys, xs].map((list) => Math.max(...list) - Math.min(...list) + 1);
      expect(holes.length).toBe((height ?? 0) * (width ?? 0));
      expect(Math.max(height ?? 0, width ?? 0)).toBeLessThanOrEqual(3);
    }
  });
});

describe('colorJitter', () => {
  const solid = (color: readonly number[]): Batch => ({
    inputs: hostArray(Float32Array.from(color.flatMap((value) => [value, value])), [1, color.length, 1, 2]),
    targets: hostArrayFrom([0]),
  });
  const luma = (rgb: readonly number[]): number =>
    0.299 * (rgb[0] ?? 0) + 0.587 * (rgb[2] ?? 0) + 0.114 * (rgb[4] ?? 0);

  it('of strength 0 changes nothing', () => {
    expect(apply(colorJitter({}))).toEqual(pictures());
  });
  it('keeps greys grey under saturation and hue', () => {
    const { inputs } = apply(colorJitter({ saturation: 1, hue: 0.5 }), solid([0.4, 0.4, 0.4]));
    for (const value of values(inputs)) expect(value).toBeCloseTo(0.4, 5);
  });
  it('keeps the brightness under saturation', () => {
    const { inputs } = apply(colorJitter({ saturation: 0.5 }), solid([0.5, 0.4, 0.3]));
    expect(luma(values(inputs))).toBeCloseTo(luma([0.5, 0, 0.4, 0, 0.3, 0]), 5);
    expect(inputs.data[0]).not.toBeCloseTo(0.5, 3);
  });
  it('multiplies by one factor for brightness', () => {
    const { inputs } = apply(colorJitter({ brightness: 0.5 }), solid([0.5, 0.25, 0.1]));
    const factor = (inputs.data[0] ?? 0) / 0.5;
    expect(Math.abs(factor - 1)).toBeGreaterThan(0.01);
    expect(inputs.data[2]).toBeCloseTo(0.25 * factor, 5);
  });
  it('keeps the mean under contrast, also of grey pictures', () => {
    const batch = { inputs: hostArray(Float32Array.of(0.4, 0.6), [1, 1, 1, 2]), targets: hostArrayFrom([0]) };
    const [a = 0, b = 0] = values(apply(colorJitter({ contrast: 0.5 }), batch).inputs);
    expect(a + b).toBeCloseTo(1, 5);
    expect(Math.abs(b - a - 0.2)).toBeGreaterThan(0.01);
  });
  it('stays within the range of the dtype', () => {
    for (let seed = 0; seed < 20; seed++) {
      const strong = colorJitter({ brightness: 1, contrast: 1, saturation: 1, hue: 0.5 });
      const all = values(apply(strong, apply(toFloat()), seed).inputs);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...all)).toBeLessThanOrEqual(1);
    }
  });
  it('refuses a strength out of range, and pictures of 2 channels', () => {
    expect(() => colorJitter({ hue: 0.6 })).toThrow(/hue is 0.6; it must be from 0 to 0.5/);
    expect(() => apply(colorJitter({}), pictures(1, 2))).toThrow(/1 or 3 channels, got 2/);
  });
});

describe('toFloat, normalize', () => {
  const batch: Batch = {
    inputs: hostArray(Uint8Array.of(0, 255, 51, 102), [1, 2, 1, 2]),
    targets: hostArrayFrom([0]),
  };
  it('scale uint8 to 0..1', () => {
    expect(values(apply(toFloat(), batch).inputs)).toEqual([0, 1, Math.fround(0.2), Math.fround(0.4)]);
  });
  it('subtract each channel’s mean and divide by its deviation', () => {
    const { inputs } = apply(normalize([0.5, 0.2], [0.5, 0.1]), batch);
    expect(inputs.dtype).toBe('float32');
    [-1, 1, 0, 2].forEach((value, i) => expect(inputs.data[i]).toBeCloseTo(value, 6));
  });
  it('give the same for uint8 and for float32 pictures', () => {
    const both = [batch, apply(toFloat(), batch)].map((b) =>
      values(apply(normalize([0.1, 0.2], [0.3, 0.4]), b).inputs),
    );
    both[0]?.forEach((value, i) => expect(value).toBeCloseTo(both[1]?.[i] ?? NaN, 5));
  });
  it('refuse deviations of 0 and a wrong number of channels', () => {
    expect(() => normalize([0], [0])).toThrow(ArgumentError);
    expect(() => apply(normalize([0], [1]), batch)).toThrow(/1 means for pictures of 2 channels/);
  });
});

describe('compose', () => {
  it('applies one transform after the other, all from one random stream', () => {
    const [crop, flip] = [randomCrop({ padding: 1 }), randomHorizontalFlip()];
    const random = new HostRandom(9);
    expect(apply(compose(crop, flip), pictures(), 9)).toEqual(flip(crop(pictures(), random), random));
  });
});
