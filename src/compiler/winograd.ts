/** Which convolutions are computed by Winograd's minimal filtering, and the kernels for them. */
import { InternalError } from '../core/errors.js';
import type { Node } from '../graph/node.js';
import { stridesOf } from './contraction.js';
import { ofVariable, variable, type Variable } from './index-expr.js';
import type { ContractionKernel, WinogradFilterKernel, WinogradKernel } from './kernel.js';
import type { Lowering } from './lower.js';
import type { Setting } from './setting.js';

/** Outputs of a tile along an axis, and products for each tile and pair of channels: F(4x4, 3x3). */
const TILE = 4;
const POINTS = 36;
/** Filters come in whole vectors, of so many at the most; see {@link filterPointSize}. */
const MOST_LANES = 16;
/** Tiles come in panels of two vectors. */
const PANEL = 8;
/** Bytes of a row of transformed tiles, which a thread keeps. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Fewer channels fill no panel. */
const FEWEST_CHANNELS = 12;
/** Panels of more channels do not fit the first-level cache. */
const MOST_CHANNELS = 1024;

/** Steady filters have been transformed before, but where they take more than this, they come from so far that it takes as long as transforming them. */
const NEAR_BYTES = 4 * 1024 * 1024;

/** Whether Winograd's algorithm can compute the convolution, and is faster than the direct sum. */
export function fitsWinograd(node: Node<'conv'>, { winograd: costs, isSteady }: Setting): boolean {
  const [x, w] = node.inputs as [Node, Node];
  const { stride, padding, dilation, inputDilation, groups } = node.attributes;
  const ones = [stride, dilation, inputDilation].every((each) => each.every((n) => n === 1));
  const [channels = 0, ...kernel] = w.shape.slice(1);
  const [images = 0, outChannels = 0, height = 0, width = 0] = node.shape;
  const [inputHeight = 0, inputWidth = 0] = x.shape.slice(2);
  if (
    node.dtype !== 'float32' ||
    !ones ||
    groups !== 1 ||
    kernel.length !== 2 ||
    kernel.some((n) => n !== 3) ||
    padding.flat().some((n) => n < 0 || n > 2) ||
    inputHeight < 1 ||
    inputWidth < TILE ||
    Math.min(channels, outChannels) < FEWEST_CHANNELS ||
    channels > MOST_CHANNELS ||
    POINTS * 4 * channels * Math.ceil(width / TILE) > MOST_BYTES
  )
    return false;
  const pairs = channels * outChannels;
  const direct = images * height * width * 9 * pairs;
  const tiles = Math.ceil((images * Math.ceil(height / TILE) * Math.ceil(width / TILE)) / PANEL) * PANEL;
  const transforms = tiles * (costs.input * channels + costs.output * outChannels);
  const winograd = tiles * POINTS * pairs + transforms;
  const isReady = isSteady(w) && 4 * POINTS * pairs <= NEAR_BYTES;
  const [filters, worth] = isReady ? [0, 0] : [costs.filter * pairs, costs.worth];
  return (winograd + filters) * 1.15 < direct && direct - winograd - filters > worth;
}

/**
 * Elements from one point of the transformed filters to the next: [panel of output channels][channel][output channel in the panel], where panels are whole
 * vectors of any machine. An odd number of cache lines of 64 bytes, so that the points of one filter lie in different sets of a cache.
 */
export function filterPointSize(channels: number, outChannels: number): number {
  const lines = Math.ceil((Math.ceil(outChannels / MOST_LANES) * MOST_LANES * channels) / 16);
  return (lines + 1 - (lines % 2)) * 16;
}

/** Elements of all transformed filters. */
export const filterSize = (channels: number, outChannels: number): number =>
  POINTS * filterPointSize(channels, outChannels);

/** The kernels for `node`, whose output axes are `variables`; `filters` is the buffer for the transformed filters. */
export function winogradKernels(
  name: string,
  node: Node<'conv'>,
  variables: readonly Variable[],
  stores: ContractionKernel['stores'],
  lowering: Lowering,
  filters: number,
): [WinogradFilterKernel, WinogradKernel] {
  const [image, outChannel, y, x] = variables as [Variable, Variable, Variable, Variable];
  const view = (input: Node, at: readonly Variable[]): WinogradKernel['input'] => {
    const found = stridesOf(lowering.at(input, at.map(ofVariable)), at);
    if (found === undefined) throw new InternalError('an operand of conv is no strided view');
    return found;
  };
  const [input, filter] = node.inputs as [Node, Node];
  const sizes = (of: Node, from: number): Variable[] => of.shape.slice(from).map(variable);
  const [channel, inputRow, inputColumn] = sizes(input, 1) as [Variable, Variable, Variable];
  const [row, column] = sizes(filter, 2) as [Variable, Variable];
  const { padding } = node.attributes;
  return [
    {
      kind: 'winogradFilter',
      name: `${name}Filters`,
      outChannel,
      channel,
      row,
      column,
      source: view(filter, [outChannel, channel, row, column]),
      buffer: filters,
    },
    {
      kind: 'winograd',
      name,
      image,
      outChannel,
      y,
      x,
      channel,
      inputRow,
      inputColumn,
      input: view(input, [image, channel, inputRow, inputColumn]),
      padding: [padding[0]?.[0] ?? 0, padding[1]?.[0] ?? 0],
      filters,
      stores,
    },
  ];
}
