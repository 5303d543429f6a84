import { ArgumentError } from '../core/errors.js';
import { HostRandom } from '../core/threefry.js';
import { ArrayDataset } from './dataset.js';
import { SKELETONS } from './digit-skeletons.js';
import type { LabeledSets } from './labeled-sets.js';

export interface DigitsOptions {
  /** Training samples; 10,000 when left out. */
  readonly train?: number;
  /** Test samples; 2,000 when left out. */
  readonly test?: number;
  /** The same seed draws the same digits; 0 when left out. */
  readonly seed?: number;
}

const SIDE = 28;
const PIXELS = SIDE * SIDE;
/** Digits stay this far from the edge of the picture, in pixels. */
const MARGIN = 2;
/** The height that a digit has before it is scaled at random, in pixels. */
const HEIGHT = 20;
const NAMES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;

/**
 * Handwritten digits that the program draws itself, for when there is no network and no file: ten digit skeletons in several
 * styles, bent at random (affine and elastic), drawn with a pen of random width and pressure, and a little noise.
 * 28x28 uint8, ink bright on dark as in MNIST. Every ten consecutive samples hold each digit once, so classes are
 * balanced; a sample depends on the seed and its position alone, and training and test come from different streams.
 *
 * @throws ArgumentError for a count that is no positive integer.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const { training, test } = data.digits({ train: 500, test: 100, seed: 1 });
 * training.inputs.shape; // => [500, 1, 28, 28]
 * test.length; // => 100
 * ```
 */
export function digits(options: DigitsOptions = {}): LabeledSets {
  const { train = 10_000, test = 2_000, seed = 0 } = options;
  for (const [name, count] of [
    ['train', train],
    ['test', test],
  ] as const) {
    if (!Number.isInteger(count) || count < 1)
      throw new ArgumentError(`digits: ${name} is ${count}; it must be an integer of at least 1`);
  }
  if (!Number.isSafeInteger(seed)) throw new ArgumentError(`digits: the seed ${seed} is not an integer`);
  const root = new HostRandom(seed);
  return {
    training: drawSet(root.fork(1), train),
    test: drawSet(root.fork(2), test),
    classes: NAMES,
    inputShape: [1, SIDE, SIDE],
    mean: [0.109],
    std: [0.266],
  };
}

function drawSet(random: HostRandom, count: number): ArrayDataset {
  const images = new Uint8Array(count * PIXELS);
  const labels = new Int32Array(count);
  const field = new Float64Array(PIXELS);
  let round: Uint32Array = new Uint32Array(10);
  for (let i = 0; i < count; i++) {
    if (i % 10 === 0) round = random.fork(-1 - i / 10).permutation(10);
    const label = round[i % 10] ?? 0;
    labels[i] = label;
    drawDigit(label, random.fork(i), field, images.subarray(i * PIXELS, (i + 1) * PIXELS));
  }
  return new ArrayDataset(
    { data: images, shape: [count, 1, SIDE, SIDE], dtype: 'uint8' },
    { data: labels, shape: [count], dtype: 'int32' },
    { classes: NAMES },
  );
}

/** Draws one digit into `image`; `field` is scratch space. */
function drawDigit(label: number, random: HostRandom, field: Float64Array, image: Uint8Array): void {
  const styles = SKELETONS[label] ?? [];
  const path = Float64Array.from(styles[random.integer(styles.length)] ?? []);
  distort(path, random);
  centre(path, random);

  const radius = 0.75 + 1.05 * random.uniform();
  const softness = 0.45 + 0.35 * random.uniform();
  field.fill(Infinity);
  drawStrokes(path, radius, random, field);

  const ink = 205 + 50 * random.uniform();
  const noise = 22 * random.uniform();
  // Per-pixel noise needs no better generator than a xorshift (Marsaglia 2003), and is most of the random numbers.
  let state = random.bits() | 1;
  for (let i = 0; i < PIXELS; i++) {
    const distance = field[i] ?? Infinity;
    if (distance >= softness) continue;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const coverage = distance <= -softness ? 1 : (softness - distance) / (2 * softness);
    const value = coverage * (ink + noise * (state / 2 ** 31));
    image[i] = value > 255 ? 255 : value < 0 ? 0 : value;
  }
}

/** Slant, turn, stretch and bend; the result is in pixels around the origin. */
function distort(path: Float64Array, random: HostRandom): void {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const angle = between(-0.22, 0.22);
  const slant = between(-0.15, 0.4);
  const height = HEIGHT * between(0.85, 1.1);
  const width = height * between(0.72, 1.12);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  // The elastic part: a smooth displacement by a few waves across the box, of random direction, phase and strength.
  const waves = Array.from({ length: 3 }, (_, i) => {
    const turn = between(0, 2 * Math.PI);
    const cycles = between(0.5, 1.1) * (1 + 0.5 * i) * 2 * Math.PI;
    return {
      kx: cycles * Math.cos(turn),
      ky: cycles * Math.sin(turn),
      phase: between(0, 2 * Math.PI),
      dx: between(-0.045, 0.045),
      dy: between(-0.045, 0.045),
    };
  });
  for (let i = 0; i < path.length; i += 2) {
    const x0 = (path[i] ?? 0) - 0.5;
    const y0 = (path[i + 1] ?? 0) - 0.5;
    let x = x0;
    let y = y0;
    for (const wave of waves) {
      const swing = Math.sin(wave.kx * x0 + wave.ky * y0 + wave.phase);
      x += wave.dx * swing;
      y += wave.dy * swing;
    }
    const u = (x - slant * y) * width;
    const v = y * height;
    path[i] = cos * u - sin * v;
    path[i + 1] = sin * u + cos * v;
  }
}

/** Moves the digit to the middle of the picture, give or take a little, and shrinks it if it would not fit. */
function centre(path: Float64Array, random: HostRandom): void {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < path.length; i += 2) {
    const x = path[i] ?? 0;
    const y = path[i + 1] ?? 0;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  const room = SIDE - 2 * MARGIN - 1;
  const scale = Math.min(1, room / Math.max(right - left, bottom - top));
  const shift = (size: number): number => {
    const slack = Math.min(1.8, (room - size * scale) / 2);
    return (SIDE - 1) / 2 + slack * (2 * random.uniform() - 1);
  };
  const x0 = shift(right - left) - (scale * (left + right)) / 2;
  const y0 = shift(bottom - top) - (scale * (top + bottom)) / 2;
  for (let i = 0; i < path.length; i += 2) {
    path[i] = x0 + scale * (path[i] ?? 0);
    path[i + 1] = y0 + scale * (path[i + 1] ?? 0);
  }
}

/** Lowers `field` to the distance of each pixel's middle from the edge of the ink; negative inside. */
function drawStrokes(path: Float64Array, radius: number, random: HostRandom, field: Float64Array): void {
  const pressure = 0.3 * random.uniform();
  const phase = 2 * Math.PI * random.uniform();
  const wave = 0.25 + 0.3 * random.uniform();
  const reach = radius * (1 + pressure) + 1;
  for (let i = 0; i < path.length; i += 4) {
    const x0 = path[i] ?? 0;
    const y0 = path[i + 1] ?? 0;
    const x1 = path[i + 2] ?? 0;
    const y1 = path[i + 3] ?? 0;
    const width = radius * (1 + pressure * Math.sin(phase + (wave * i) / 4));
    const [dx, dy] = [x1 - x0, y1 - y0];
    const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-9);
    const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach));
    const right = Math.min(SIDE - 1, Math.floor(Math.max(x0, x1) + reach));
    const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
    const bottom = Math.min(SIDE - 1, Math.floor(Math.max(y0, y1) + reach));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        let t = ((x - x0) * dx + (y - y0) * dy) * inverse;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = x - x0 - t * dx;
        const ey = y - y0 - t * dy;
        const distance = Math.sqrt(ex * ex + ey * ey) - width;
        const at = y * SIDE + x;
        if (distance < (field[at] ?? 0)) field[at] = distance;
      }
    }
  }
}
