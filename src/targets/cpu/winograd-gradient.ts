/**
 * Parts of convolutions with 3x3 results by Winograd's minimal filtering, F(3x3, 4x4). A unit of work is a part: it transforms its tiles of both
 * operands, multiplies them (36 matrix products, whose sums run over the tiles), and transforms the sums back.
 */
import type { WinogradGradientKernel } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { split } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { tileFunction } from './contraction-tile.js';
import { TILE_ROWS, TILE_VECTORS } from './winograd-plan.js';
import { add, binary, func, i32, mul, sub, type Func } from './ir.js';
import {
  outputsFunction,
  productsFunction,
  sideFunctions,
  type GradientLayout,
  type Side,
} from './winograd-gradient-tiles.js';
import { bandOf } from './winograd-lines.js';
import { spread } from './winograd-plan.js';
import {
  four,
  six,
  TILE_INPUTS,
  TILE_OUTPUTS,
  TILE_POINTS,
  transformInput,
  transformLongFilter,
} from './winograd-transforms.js';

/** Output channels whose transformed tiles lie side by side: whole cache lines, vectors and tiles of the matrix kernel. */
const BLOCK_ROWS = 48;
/** Panels of images that are multiplied before their sums go back. */
const PANELS = 8;
/** Rough operations to transform a tile for one channel, and a result back. */
const TILE_FLOPS = 150;
const RESULT_FLOPS = 100;

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Lowers the parts. They do not depend on how units are shared among threads. */
export function lowerWinogradGradient(
  kernel: WinogradGradientKernel,
  options: Pick<ContractionOptions, 'machine' | 'baseOf'>,
): ContractionCode {
  const { lanes } = options.machine;
  const { name, filterRow, filterColumn } = kernel;
  const width = TILE_VECTORS * lanes;
  const down = Math.ceil(filterRow.extent / TILE_OUTPUTS);
  const across = Math.ceil(filterColumn.extent / TILE_OUTPUTS);
  const tiles = kernel.channels * kernel.rows * across;
  const images = kernel.image.extent;
  const outChannels = kernel.outChannel.extent;
  const inputRow = Math.ceil((TILE_OUTPUTS * across + TILE_INPUTS - TILE_OUTPUTS) / lanes) * lanes * 4;
  const filterRowBytes = TILE_OUTPUTS * across * 4;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += aligned(bytes);
    return at;
  };
  const padded = place((TILE_OUTPUTS * kernel.rows + TILE_INPUTS - TILE_OUTPUTS) * inputRow);
  const lines = place(lanes * kernel.rows * TILE_INPUTS * inputRow);
  const side = (rest: Omit<Side, 'lines' | 'point' | 'place'>): Side => {
    const point = spread(Math.ceil(rest.along.extent / rest.block) * tiles * rest.block * 4);
    return {
      ...rest,
      lines: kernel.rows * TILE_INPUTS * rest.paddedRow,
      point,
      place: place(TILE_POINTS * point),
    };
  };
  const inputs = side({
    name: `${name}_inputs`,
    operand: kernel.input,
    along: kernel.image,
    row: kernel.inputRow,
    column: kernel.inputColumn,
    zeros: kernel.padding,
    inputs: TILE_INPUTS,
    transform: (b, values) =>
      transformInput(
        b,
        six(b, (i) => values[i] ?? i32(0)),
      ),
    block: width,
    paddedRow: inputRow,
  });
  const filters = side({
    name: `${name}_filters`,
    operand: kernel.filter,
    along: kernel.outChannel,
    row: filterRow,
    column: filterColumn,
    zeros: [0, 0],
    inputs: TILE_OUTPUTS,
    transform: (b, values) =>
      transformLongFilter(
        b,
        four(b, (i) => values[i] ?? i32(0)),
      ),
    block: BLOCK_ROWS,
    paddedRow: filterRowBytes,
  });
  const productPanel = BLOCK_ROWS * width * 4;
  const productPoint = spread(PANELS * productPanel);
  const layout: GradientLayout = {
    down,
    across,
    rowBlocks: Math.ceil(down / kernel.rows),
    tiles,
    padded,
    lines,
    products: place(TILE_POINTS * productPoint),
    productPoint,
    productPanel,
    bytes: end,
  };
  const rest = (outChannels % BLOCK_ROWS) % TILE_ROWS;
  const tile = (suffix: string, rows: number): Func =>
    tileFunction(
      `${name}_${suffix}`,
      Array.from({ length: rows }, (_, row) => row * 4),
      { machine: options.machine, vectors: TILE_VECTORS, steps: { kind: 'stride', bytes: BLOCK_ROWS * 4 }, blocked: false },
    );
  const units = Math.ceil(kernel.channel.extent / kernel.channels) * layout.rowBlocks;
  const allTiles = kernel.channel.extent * down * across;
  const pairs = images * outChannels;
  return {
    functions: [
      tile('tile', TILE_ROWS),
      ...(rest === 0 ? [] : [tile('lastTile', rest)]),
      ...sideFunctions(kernel, inputs, layout, lanes),
      ...sideFunctions(kernel, filters, layout, lanes),
      productsFunction(name, inputs, filters, layout, rest, lanes),
      outputsFunction(kernel, layout, lanes),
      unitFunction(kernel, inputs, filters, layout, options),
      func(`${name}_units`, ['table', 'begin', 'end', 'scratch'], (b, table, begin, unitEnd, scratch) => {
        b.for(begin, unitEnd, 1, (unit) => {
          b.call(`${name}_unit`, table, unit, scratch);
        });
      }),
    ],
    entry: `${name}_units`,
    units,
    scratchBytes: end,
    flops: 2 * kernel.channel.extent * filterRow.extent * filterColumn.extent * 9 * pairs,
    work:
      (2 * allTiles * TILE_POINTS * pairs +
        allTiles * (images + outChannels) * TILE_FLOPS +
        units * pairs * RESULT_FLOPS) /
      4,
  };
}

function unitFunction(
  kernel: WinogradGradientKernel,
  inputs: Side,
  filters: Side,
  layout: GradientLayout,
  options: Pick<ContractionOptions, 'machine' | 'baseOf'>,
): Func {
  const { name } = kernel;
  const width = TILE_VECTORS * options.machine.lanes;
  const outChannels = kernel.outChannel.extent;
  const images = kernel.image.extent;
  return func(`${name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
    const [block, rowBlock] = split(b, unit, layout.rowBlocks);
    const channel = b.let(mul(block, i32(kernel.channels)), 'channel');
    const channels = b.let(
      binary('minS', i32(kernel.channels), sub(i32(kernel.channel.extent), channel)),
      'channels',
    );
    const row = b.let(mul(rowBlock, i32(kernel.rows)), 'row');
    const rows = b.let(binary('minS', i32(kernel.rows), sub(i32(layout.down), row)), 'rows');
    for (const side of [inputs, filters]) {
      const overlap = side.inputs - TILE_OUTPUTS;
      const [above, left] = side.zeros;
      const bytesOf = (v: Variable): number => (side.operand.strides.get(v) ?? 0) * 4;
      const band = bandOf(b, row, rows, { height: side.row.extent, above, overlap });
      const padded = b.let(add(scratch, i32(layout.padded)), 'padded');
      b.push({
        kind: 'fillZero',
        address: padded,
        length: i32((TILE_OUTPUTS * kernel.rows + overlap) * side.paddedRow),
      });
      const origin = add(options.baseOf(b, table, side.operand.buffer), i32(side.operand.offset * 4));
      const source = add(
        add(origin, mul(channel, i32(bytesOf(kernel.channel)))),
        mul(band.begin, i32(bytesOf(side.row))),
      );
      const inside = add(add(padded, mul(band.above, i32(side.paddedRow))), i32(left * 4));
      b.call(side.name, b.let(source), channels, rows, b.let(inside), band.count, scratch);
    }
    const tiles = b.let(mul(mul(channels, rows), i32(layout.across)), 'tiles');
    const part = mul(unit, i32(images * outChannels * 9 * 4));
    const target = b.let(add(options.baseOf(b, table, kernel.buffer), part), 'target');
    const panels = Math.ceil(images / width);
    b.for(i32(0), i32(outChannels), BLOCK_ROWS, (out) => {
      const count = b.let(binary('minS', i32(BLOCK_ROWS), sub(i32(outChannels), out)), 'count');
      const filterBlock = b.let(
        add(add(scratch, i32(filters.place)), mul(out, i32(layout.tiles * 4))),
        'filters',
      );
      b.for(i32(0), i32(panels), PANELS, (panel) => {
        const together = b.let(binary('minS', i32(PANELS), sub(i32(panels), panel)), 'panels');
        const inputPanel = add(add(scratch, i32(inputs.place)), mul(panel, i32(layout.tiles * width * 4)));
        b.call(`${name}_products`, filterBlock, b.let(inputPanel), count, together, tiles, scratch);
        const into = b.let(add(target, mul(out, i32(9 * 4))), 'into');
        const image = b.let(mul(panel, i32(width)), 'image');
        b.call(`${name}_outputs`, into, image, count, together, scratch);
      });
    });
  });
}
