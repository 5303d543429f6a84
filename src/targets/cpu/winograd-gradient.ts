/**
 * Parts of convolutions with 3x3 results by Winograd's minimal filtering, F(3x3, 4x4). A unit of work is a part: it transforms its tiles of both
 * operands, multiplies them (36 matrix products, whose sums run over the tiles), and transforms the sums back.
 */
import { wholeLines } from './machine.js';
import type { WinogradGradientKernel } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { split } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { add, binary, func, i32, mul, sub, type Func } from './ir.js';
import {
  outputsFunction,
  productsFunction,
  sideFunction,
  type GradientLayout,
  type Side,
} from './winograd-gradient-tiles.js';
import { panelsOf, panelTile, type Panels } from './winograd-panels.js';
import { bandOf } from './winograd-pixels.js';
import { spread } from './winograd-plan.js';
import { INPUT, LONG_FILTER, TILE_OUTPUTS, TILE_POINTS } from './winograd-transforms.js';

/** Rough operations to transform a tile for one channel, and a result back. */
const TILE_FLOPS = 150;
const RESULT_FLOPS = 100;

/** Lowers the parts. They do not depend on how units are shared among threads. */
export function lowerWinogradGradient(
  kernel: WinogradGradientKernel,
  options: Pick<ContractionOptions, 'machine' | 'baseOf' | 'library'>,
): ContractionCode {
  const { machine, library } = options;
  const { lanes } = machine;
  const { name, filterRow, filterColumn } = kernel;
  const down = Math.ceil(filterRow.extent / TILE_OUTPUTS);
  const across = Math.ceil(filterColumn.extent / TILE_OUTPUTS);
  const tiles = kernel.channels * kernel.rows * across;
  const images = kernel.image.extent;
  const outChannels = kernel.outChannel.extent;
  const panels = panelsOf(images, machine);
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += wholeLines(bytes);
    return at;
  };
  const rowOf = (overlap: number): number => (TILE_OUTPUTS * across + overlap) * lanes * 4;
  const overlapOf = (inputs: number): number => inputs - TILE_OUTPUTS;
  const pixels = place(
    (TILE_OUTPUTS * kernel.rows + overlapOf(INPUT.inputs)) * rowOf(overlapOf(INPUT.inputs)),
  );
  const side = (rest: Omit<Side, 'pixelRow' | 'point' | 'place'>): Side => {
    const columns = rest.blocks.reduce((sum, { count, width }) => sum + count * width, 0);
    const point = spread(columns * tiles * 4);
    return {
      ...rest,
      pixelRow: rowOf(overlapOf(rest.transform.inputs)),
      point,
      // Tiles of the matrix kernel may read beyond the last column.
      place: place(TILE_POINTS * point + 64),
    };
  };
  const inputs = side({
    name: `${name}_inputs`,
    operand: kernel.input,
    along: kernel.image,
    row: kernel.inputRow,
    column: kernel.inputColumn,
    zeros: kernel.padding,
    transform: INPUT,
    blocks: panels,
  });
  const filterWidth = Math.ceil(outChannels / lanes) * lanes;
  const filters = side({
    name: `${name}_filters`,
    operand: kernel.filter,
    along: kernel.outChannel,
    row: filterRow,
    column: filterColumn,
    zeros: [0, 0],
    transform: LONG_FILTER,
    blocks: [{ begin: 0, count: 1, width: filterWidth }],
  });
  const productPoint = spread(outChannels * Math.max(...panels.map(({ width }) => width)) * 4);
  const layout: GradientLayout = {
    down,
    across,
    rowBlocks: Math.ceil(down / kernel.rows),
    tiles,
    pixels,
    products: place(TILE_POINTS * productPoint),
    productPoint,
    bytes: end,
  };
  const tile = (suffix: string, n: number, panel: Panels, rows: number): Func =>
    panelTile(`${name}_${suffix}${n}`, machine, panel, { rows, rowBytes: 4, stepBytes: filterWidth * 4 });
  const units = Math.ceil(kernel.channel.extent / kernel.channels) * layout.rowBlocks;
  const allTiles = kernel.channel.extent * down * across;
  const pairs = images * outChannels;
  return {
    functions: [
      sideFunction(kernel, inputs, layout, lanes, library),
      sideFunction(kernel, filters, layout, lanes, library),
      ...panels.flatMap((panel, n) => {
        const rest = outChannels % panel.rows;
        return [
          ...(outChannels >= panel.rows ? [tile('tile', n, panel, panel.rows)] : []),
          ...(rest === 0 ? [] : [tile('lastTile', n, panel, rest)]),
          productsFunction(name, n, panel, { inputs, filters }, layout),
          outputsFunction(kernel, n, panel, layout, lanes),
        ];
      }),
      unitFunction(kernel, { inputs, filters, panels }, layout, options),
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
  {
    inputs,
    filters,
    panels,
  }: { readonly inputs: Side; readonly filters: Side; readonly panels: readonly Panels[] },
  layout: GradientLayout,
  options: Pick<ContractionOptions, 'machine' | 'baseOf'>,
): Func {
  const { name } = kernel;
  const { lanes } = options.machine;
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
      const overlap = side.transform.inputs - TILE_OUTPUTS;
      const [above, left] = side.zeros;
      const bytesOf = (v: Variable): number => (side.operand.strides.get(v) ?? 0) * 4;
      const band = bandOf(b, row, rows, { height: side.row.extent, above, overlap });
      const pixels = b.let(add(scratch, i32(layout.pixels)), 'pixels');
      b.push({
        kind: 'fillZero',
        address: pixels,
        length: i32((TILE_OUTPUTS * kernel.rows + overlap) * side.pixelRow),
      });
      const origin = add(options.baseOf(b, table, side.operand.buffer), i32(side.operand.offset * 4));
      const source = add(
        add(origin, mul(channel, i32(bytesOf(kernel.channel)))),
        mul(band.begin, i32(bytesOf(side.row))),
      );
      const inside = add(add(pixels, mul(band.above, i32(side.pixelRow))), i32(left * lanes * 4));
      b.call(side.name, b.let(source), channels, rows, b.let(inside), band.count, scratch);
    }
    const tiles = b.let(mul(mul(channels, rows), i32(layout.across)), 'tiles');
    const part = mul(unit, i32(images * outChannels * 9 * 4));
    const target = b.let(add(options.baseOf(b, table, kernel.buffer), part), 'target');
    panels.forEach((panel, n) => {
      b.for(i32(0), i32(panel.count), 1, (each) => {
        const image = b.let(add(i32(panel.begin), mul(each, i32(panel.width))), 'image');
        const first = add(add(scratch, i32(inputs.place)), mul(image, i32(layout.tiles * 4)));
        b.call(`${name}_products${n}`, b.let(first, 'first'), tiles, scratch);
        b.call(`${name}_outputs${n}`, target, image, scratch);
      });
    });
  });
}
