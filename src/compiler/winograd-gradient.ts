/**
 * Convolutions with 3x3 results and large filters, which is what gradients of 3x3 filters are, by Winograd's minimal filtering F(3x3, 4x4). Sums run
 * over all tiles of all images; they are cut into parts, whose sum is a loop of its own.
 */
import { InternalError } from '../core/errors.js';
import type { Node } from '../graph/node.js';
import { stridesOf } from './contraction.js';
import { ofVariable, variable, type Variable } from './index-expr.js';
import type { LoopKernel, Stage, WinogradGradientKernel } from './kernel.js';
import type { Lowering } from './lower.js';
import type { WinogradCosts } from './machine-traits.js';
import { sumOfParts } from './sum-of-parts.js';

/** Rows and columns of the filter that a tile takes, and products for each tile and pair of channels. */
const TILE = 4;
const POINTS = 36;
const FEWEST_CHANNELS = 12;
/** Fewer tiles in a part are not worth the way back. */
const FEWEST_TILES = 48;
/** Parts that keep a few threads busy. */
const WANTED_PARTS = 8;
/** Bytes of the transformed operands of a part. */
const PART_BYTES = 2 * 1024 * 1024;
/** Bytes of those of a single row of tiles, at the most. */
const MOST_BYTES = 16 * 1024 * 1024;

interface Split {
  /** Channels, and rows of tiles, of a part; several channels only with all their rows. */
  readonly channels: number;
  readonly rows: number;
  readonly parts: number;
}

function splitTiles(channels: number, down: number, across: number, results: number): Split {
  const fitting = Math.floor(PART_BYTES / (POINTS * 4 * results));
  const wanted = Math.ceil((channels * down * across) / WANTED_PARTS);
  const tiles = Math.max(FEWEST_TILES, Math.min(fitting, wanted));
  if (down * across <= tiles) {
    const blocks = Math.ceil(channels / Math.floor(tiles / (down * across)));
    const each = Math.ceil(channels / blocks);
    return { channels: each, rows: down, parts: Math.ceil(channels / each) };
  }
  const bands = Math.ceil(down / Math.max(1, Math.floor(tiles / across)));
  const rows = Math.ceil(down / bands);
  return { channels: 1, rows, parts: channels * Math.ceil(down / rows) };
}

interface Shapes {
  readonly images: number;
  readonly outChannels: number;
  readonly channels: number;
  readonly down: number;
  readonly across: number;
}

function shapesOf(node: Node<'conv'>): Shapes {
  const [outChannels = 0, channels = 0, height = 0, width = 0] = node.inputs[1]?.shape ?? [];
  return {
    images: node.shape[0] ?? 0,
    outChannels,
    channels,
    down: Math.ceil(height / TILE),
    across: Math.ceil(width / TILE),
  };
}

/** Whether Winograd's algorithm can compute the convolution, and is faster than the direct sum. */
export function fitsWinogradGradient(node: Node<'conv'>, costs: WinogradCosts): boolean {
  const [x, w] = node.inputs as [Node, Node];
  const { stride, padding, dilation, inputDilation, groups } = node.attributes;
  const ones = [stride, dilation, inputDilation].every((each) => each.every((n) => n === 1));
  const [height = 0, width = 0, ...others] = w.shape.slice(2);
  const { images, outChannels, channels, down, across } = shapesOf(node);
  if (
    node.dtype !== 'float32' ||
    !ones ||
    groups !== 1 ||
    others.length > 0 ||
    node.shape.slice(2).some((n) => n !== 3) ||
    padding.flat().some((n) => n < 0 || n > 2) ||
    Math.min(width, x.shape[3] ?? 0) < TILE ||
    Math.min(images, outChannels) < FEWEST_CHANNELS ||
    POINTS * 4 * (images + outChannels) * Math.max(across, FEWEST_TILES) > MOST_BYTES
  )
    return false;
  const tiles = channels * down * across;
  const pairs = images * outChannels;
  const { parts } = splitTiles(channels, down, across, images + outChannels);
  const direct = channels * height * width * 9 * pairs;
  const winograd =
    tiles * (POINTS * pairs + costs.gradientTile * (images + outChannels)) +
    parts * costs.gradientPart * pairs;
  return tiles >= FEWEST_TILES && winograd * 1.15 < direct && direct - winograd > costs.worth;
}

/** Elements of all parts. */
export function partsSize(node: Node<'conv'>): number {
  const { images, outChannels, channels, down, across } = shapesOf(node);
  const { parts } = splitTiles(channels, down, across, images + outChannels);
  return parts * images * outChannels * 9;
}

/**
 * The kernels for `node`, whose output axes are `variables`: the parts, into `buffer`, and their sum, which the loop's `stages` use as
 * reduction 0.
 */
export function winogradGradientKernels(
  name: string,
  node: Node<'conv'>,
  variables: readonly Variable[],
  stages: readonly Stage[],
  lowering: Lowering,
  buffer: number,
): [WinogradGradientKernel, LoopKernel] {
  const [image, outChannel] = variables as [Variable, Variable];
  const [input, filter] = node.inputs as [Node, Node];
  const { images, outChannels, channels, down, across } = shapesOf(node);
  const { parts, ...split } = splitTiles(channels, down, across, images + outChannels);
  const sizes = (of: Node, from: number): Variable[] => of.shape.slice(from).map(variable);
  const [channel, inputRow, inputColumn] = sizes(input, 1) as [Variable, Variable, Variable];
  const [filterRow, filterColumn] = sizes(filter, 2) as [Variable, Variable];
  const view = (of: Node, at: readonly Variable[]): WinogradGradientKernel['input'] => {
    const found = stridesOf(lowering.at(of, at.map(ofVariable)), at);
    if (found === undefined) throw new InternalError('an operand of conv is no strided view');
    return found;
  };
  const { padding } = node.attributes;
  return [
    {
      kind: 'winogradGradient',
      name: `${name}Parts`,
      image,
      outChannel,
      channel,
      inputRow,
      inputColumn,
      filterRow,
      filterColumn,
      input: view(input, [image, channel, inputRow, inputColumn]),
      filter: view(filter, [outChannel, channel, filterRow, filterColumn]),
      padding: [padding[0]?.[0] ?? 0, padding[1]?.[0] ?? 0],
      ...split,
      buffer,
    },
    sumOfParts(name, variables, { parts, buffer }, stages),
  ];
}
