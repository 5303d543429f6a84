import { ArgumentError } from '../core/errors.js';
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  perAxis,
  type Padding,
  type PerAxis,
} from '../tensor/convolution.js';
import type { Tensor } from '../tensor/tensor.js';
import { Parameter } from '../tensor/variable.js';
import { checkInputAxis, checkInputRank, checkPositiveInteger } from './arguments.js';
import { defaultBias, defaultWeight, fans, type Initializer } from './init.js';
import { Module } from './module.js';

interface CommonOptions {
  /** How far apart the kernel's places are; 1 unless told. */
  readonly stride?: PerAxis;
  /** The distance between neighbours in the kernel; 1 unless told. */
  readonly dilation?: PerAxis;
  /** Channels are divided into this many groups that do not see each other; 1 unless told. */
  readonly groups?: number;
  /** Whether there is a bias; true unless told. */
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

export interface ConvLayerOptions extends CommonOptions {
  /** Zeros around the input: a number, one per axis, `'same'`, or `'valid'` (none, the default). */
  readonly padding?: Padding;
}

export interface ConvTransposeLayerOptions extends CommonOptions {
  /** What the matching convolution would have padded; 0 unless told. */
  readonly padding?: PerAxis;
  /** Added to one side of the result, whose size the stride leaves open; 0 unless told. */
  readonly outputPadding?: PerAxis;
}

/** What the layers of this file share: weight and bias, and checks of arguments and inputs. */
abstract class ConvolutionLayer<Options extends CommonOptions> extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly options: Options;

  constructor(
    layer: string,
    axes: number,
    transposed: boolean,
    channels: readonly [input: number, output: number],
    kernelSize: PerAxis,
    options: Options,
  ) {
    super();
    const [inChannels, outChannels] = channels;
    const { groups = 1, bias = true, weightInit = defaultWeight } = options;
    checkPositiveInteger(layer, 'inChannels', inChannels);
    checkPositiveInteger(layer, 'outChannels', outChannels);
    checkPositiveInteger(layer, 'groups', groups);
    perAxis(options.stride ?? 1, axes, `${layer}: stride`, 1);
    perAxis(options.dilation ?? 1, axes, `${layer}: dilation`, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError(
        `${layer}: ${inChannels} input and ${outChannels} output channels cannot be divided into ${groups} groups`,
        'inChannels and outChannels must be multiples of groups',
      );
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = perAxis(kernelSize, axes, `${layer}: kernelSize`, 1);
    this.options = options;
    const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    const shape = [first, second / groups, ...this.kernelSize];
    this.weight = new Parameter(weightInit(shape));
    const { biasInit = defaultBias(fans(shape).fanIn) } = options;
    this.bias = bias ? new Parameter(biasInit([outChannels])) : undefined;
  }

  /** Throws unless `x` has the layer's channels. */
  protected checkInput(layer: string, x: Tensor): void {
    const axes = this.kernelSize.length;
    checkInputRank(layer, x.shape, [axes + 1, axes + 2], CHANNELS_FIRST[axes - 1] ?? '');
    checkInputAxis(layer, x.shape, x.rank - axes - 1, this.inChannels, 'channels');
  }
}

const CHANNELS_FIRST = [
  '[batch, channels, length]',
  '[batch, channels, height, width]',
  '[batch, channels, depth, height, width]',
];

/**
 * Convolution of sequences: [N, C, L] gives [N, O, L']. `weight` is `[out, in / groups, kernel]`; it and the bias start as
 * in PyTorch, uniform within ±1/√fanIn.
 *
 * @throws ArgumentError for sizes that are no positive integers, or channels that groups do not divide.
 * @throws ShapeError in `forward` for an input of another rank or number of channels.
 * @example
 * ```ts
 * new nn.Conv1d(4, 8, 3, { padding: 'same' }).forward(zeros([2, 4, 100])).shape; // => [2, 8, 100]
 * ```
 */
export class Conv1d extends ConvolutionLayer<ConvLayerOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super('Conv1d', 1, false, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('Conv1d', x);
    return conv1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Convolution of images: [N, C, H, W] gives [N, O, H', W']; see {@link Conv1d}.
 *
 * @example
 * ```ts
 * new nn.Conv2d(1, 32, 3).forward(zeros([64, 1, 28, 28])).shape; // => [64, 32, 26, 26]
 * ```
 */
export class Conv2d extends ConvolutionLayer<ConvLayerOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super('Conv2d', 2, false, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('Conv2d', x);
    return conv2d(x, this.weight, this.bias, this.options);
  }
}

/** Convolution of volumes: [N, C, D, H, W] gives [N, O, D', H', W']; see {@link Conv1d}. */
export class Conv3d extends ConvolutionLayer<ConvLayerOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super('Conv3d', 3, false, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('Conv3d', x);
    return conv3d(x, this.weight, this.bias, this.options);
  }
}

/** Transposed convolution of sequences, the gradient of {@link Conv1d}; see {@link ConvTranspose2d}. */
export class ConvTranspose1d extends ConvolutionLayer<ConvTransposeLayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super('ConvTranspose1d', 1, true, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('ConvTranspose1d', x);
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Transposed convolution of images, the gradient of {@link Conv2d} as a layer: it enlarges. `weight` is
 * `[in, out / groups, …kernel]`, as in PyTorch.
 *
 * @example
 * ```ts
 * new nn.ConvTranspose2d(8, 4, 2, { stride: 2 }).forward(zeros([1, 8, 7, 7])).shape; // => [1, 4, 14, 14]
 * ```
 */
export class ConvTranspose2d extends ConvolutionLayer<ConvTransposeLayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super('ConvTranspose2d', 2, true, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('ConvTranspose2d', x);
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}

/** Transposed convolution of volumes, the gradient of {@link Conv3d}; see {@link ConvTranspose2d}. */
export class ConvTranspose3d extends ConvolutionLayer<ConvTransposeLayerOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super('ConvTranspose3d', 3, true, [inChannels, outChannels], kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput('ConvTranspose3d', x);
    return convTranspose3d(x, this.weight, this.bias, this.options);
  }
}
