/**
 * Parts of convolutions with 3x3 results by Winograd's minimal filtering, F(3x3, 4x4). A unit of work is a part: it transforms its tiles of both
 * operands, multiplies them (36 matrix products, whose sums run over the tiles), and transforms the sums back.
 */
import type { Operand, WinogradGradientKernel } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { split } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { TILE_ROWS, TILE_VECTORS, tileFunction } from './contraction-tile.js';
import {
  add,
  binary,
  func,
  get,
  i32,
  lanes as lanesOf,
  extract,
  load,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { bandOf, copyFunction, linesFunction } from './winograd-lines.js';
import { spread } from './winograd-plan.js';
import {
  four,
  six,
  TILE_INPUTS,
  TILE_OUTPUTS,
  TILE_POINTS,
  transformInput,
  transformLongFilter,
  transformShortOutput,
} from './winograd-transforms.js';

/** Output channels whose transformed tiles lie side by side: whole cache lines, vectors and tiles of the matrix kernel. */
const BLOCK_ROWS = 48;
/** Panels of images that are multiplied before their sums go back. */
const PANELS = 8;
/** Rough operations to transform a tile for one channel, and a result back. */
const TILE_FLOPS = 150;
const RESULT_FLOPS = 100;

/** One operand's way into scratch. */
interface Side {
  readonly name: string;
  readonly operand: Operand;
  /** Lanes are neighbours along it. */
  readonly along: Variable;
  readonly row: Variable;
  readonly column: Variable;
  readonly zeros: readonly [number, number];
  /** Rows and columns that a tile takes. */
  readonly inputs: number;
  readonly transform: (b: Builder, inputs: readonly Expr[]) => Expr[];
  /** Neighbours that lie side by side, in elements. */
  readonly block: number;
  /** In bytes: a row of the padded image, the lines of one channel, one point of the transformed tiles. */
  readonly paddedRow: number;
  readonly lines: number;
  readonly point: number;
  /** Where the transformed tiles begin in scratch. */
  readonly place: number;
}

interface Layout {
  readonly down: number;
  readonly across: number;
  readonly rowBlocks: number;
  readonly tiles: number;
  readonly padded: number;
  readonly lines: number;
  readonly products: number;
  readonly productPoint: number;
  readonly productPanel: number;
  readonly bytes: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Lowers the parts. They do not depend on how units are shared among threads. */
export function lowerWinogradGradient(
  kernel: WinogradGradientKernel,
  options: Pick<ContractionOptions, 'lanes' | 'baseOf'>,
): ContractionCode {
  const { lanes } = options;
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
  const layout: Layout = {
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
      { lanes, vectors: TILE_VECTORS, steps: { kind: 'stride', bytes: BLOCK_ROWS * 4 }, blocked: false },
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

/**
 * `<side>` transforms an operand's tiles of a unit. Parameters: `source` (the first channel and row), `channels`, `rows` (of tiles), `inside` (where rows
 * go in the padded image), `count` (of rows), `scratch`.
 */
function sideFunctions(kernel: WinogradGradientKernel, side: Side, layout: Layout, lanes: number): Func[] {
  const { operand, along, block } = side;
  const { across, tiles } = layout;
  const bytesOf = (v: Variable): number => (operand.strides.get(v) ?? 0) * 4;
  const needed = TILE_OUTPUTS * across + side.inputs - TILE_OUTPUTS - side.zeros[1];
  const all = func(
    side.name,
    ['source', 'channels', 'rows', 'inside', 'count', 'scratch'],
    (b, source, channels, rows, inside, count, scratch) => {
      const padded = b.let(add(scratch, i32(layout.padded)), 'padded');
      const lines = b.let(add(scratch, i32(layout.lines)), 'lines');
      const step = b.let(mul(rows, i32(across * block * 4)), 'step');
      b.for(i32(0), i32(along.extent), lanes, (first) => {
        const [blockOf, inBlock] = split(b, first, block);
        const into = b.variable(
          add(add(scratch, i32(side.place)), add(mul(blockOf, i32(tiles * block * 4)), mul(inBlock, i32(4)))),
          'into',
        );
        // Past the last channel the last is repeated: what comes of it is dropped.
        const sources = Array.from({ length: lanes }, (_, lane) => {
          const at = b.let(binary('minS', add(first, i32(lane)), i32(along.extent - 1)));
          return b.variable(add(source, mul(at, i32(bytesOf(along)))), 'source');
        });
        b.for(i32(0), channels, 1, () => {
          sources.forEach((from, lane) => {
            b.call(`${side.name}_copy`, get(from), inside, count);
            b.call(`${side.name}_lines`, padded, add(lines, i32(lane * side.lines)), rows);
            b.set(from, add(get(from), i32(bytesOf(kernel.channel))));
          });
          b.call(`${side.name}_tiles`, lines, rows, get(into));
          b.set(into, add(get(into), step));
        });
      });
    },
  );
  return [
    copyFunction(`${side.name}_copy`, {
      lanes,
      width: Math.min(side.column.extent, needed),
      stride: operand.strides.get(side.column) ?? 0,
      rowBytes: bytesOf(side.row),
      paddedRow: side.paddedRow,
    }),
    linesFunction(`${side.name}_lines`, {
      lanes,
      paddedRow: side.paddedRow,
      inputs: side.inputs,
      transform: side.transform,
    }),
    tilesFunction(side, across, lanes),
    all,
  ];
}

/** Transforms tiles of L channels along rows. Parameters: `lines` (of the first), `rows` (of tiles), `into`. */
function tilesFunction(side: Side, across: number, lanes: number): Func {
  const { paddedRow, block } = side;
  return func(`${side.name}_tiles`, ['lines', 'rows', 'into'], (b, lines, rows, into) => {
    const from = b.variable(lines, 'from');
    const target = b.variable(into, 'target');
    b.for(i32(0), rows, 1, () => {
      b.for(i32(0), i32(across), 1, (tile) => {
        const start = b.let(add(get(from), mul(tile, i32(TILE_OUTPUTS * 4))), 'start');
        for (let i = 0; i < TILE_INPUTS; i++) {
          const at = (j: number): Expr =>
            lanesOf(
              Array.from({ length: lanes }, (_, lane) =>
                load('f32', start, lane * side.lines + i * paddedRow + j * 4),
              ),
            );
          const values = Array.from({ length: side.inputs }, (_, j) => b.let(at(j), 'd'));
          side.transform(b, values).forEach((value, j) => {
            b.store('f32', get(target), value, (i * TILE_INPUTS + j) * side.point);
          });
        }
        b.set(target, add(get(target), i32(block * 4)));
      });
      b.set(from, add(get(from), i32(TILE_INPUTS * paddedRow)));
    });
  });
}

/** The matrix products of a block of output channels with some panels. Parameters: `filters`, `inputs`, `rows`, `panels`, `tiles`, `scratch`. */
function productsFunction(
  name: string,
  inputs: Side,
  filters: Side,
  layout: Layout,
  rest: number,
  lanes: number,
): Func {
  const width = TILE_VECTORS * lanes;
  return func(
    `${name}_products`,
    ['filters', 'inputs', 'rows', 'panels', 'tiles', 'scratch'],
    (b, filterBlock, inputPanel, rows, panels, tiles, scratch) => {
      const count = b.let(binary('divU', rows, i32(TILE_ROWS)), 'count');
      const length = b.let(mul(tiles, i32(width * 4)), 'length');
      b.for(i32(0), i32(TILE_POINTS), 1, (point) => {
        const filter = b.variable(add(filterBlock, mul(point, i32(filters.point))), 'filter');
        const panel = b.let(add(inputPanel, mul(point, i32(inputs.point))), 'panel');
        const products = add(add(scratch, i32(layout.products)), mul(point, i32(layout.productPoint)));
        const target = b.variable(products, 'target');
        const row = (suffix: string): void => {
          b.for(i32(0), panels, 1, (p) => {
            const from = b.let(add(panel, mul(p, i32(layout.tiles * width * 4))), 'from');
            const to = add(get(target), mul(p, i32(layout.productPanel)));
            b.call(`${name}_${suffix}`, get(filter), from, add(from, length), to, i32(0), i32(1));
          });
        };
        b.for(i32(0), count, 1, () => {
          row('tile');
          b.set(filter, add(get(filter), i32(TILE_ROWS * 4)));
          b.set(target, add(get(target), i32(TILE_ROWS * width * 4)));
        });
        if (rest > 0) {
          b.if(sub(rows, mul(count, i32(TILE_ROWS))), () => {
            row('lastTile');
          });
        }
      });
    },
  );
}

/**
 * Transforms sums back. Parameters: `target` (the first output channel of this part, of image 0), `image` (the first), `rows`, `panels`,
 * `scratch`.
 */
function outputsFunction(kernel: WinogradGradientKernel, layout: Layout, lanes: number): Func {
  const width = TILE_VECTORS * lanes;
  const images = kernel.image.extent;
  const imageBytes = kernel.outChannel.extent * 9 * 4;
  return func(
    `${kernel.name}_outputs`,
    ['target', 'image', 'rows', 'panels', 'scratch'],
    (b, target, image, rows, panels, scratch) => {
      b.for(i32(0), rows, 1, (row) => {
        const products = add(add(scratch, i32(layout.products)), mul(row, i32(width * 4)));
        const from = b.variable(products, 'from');
        const into = b.let(add(target, mul(row, i32(9 * 4))), 'into');
        const end = b.let(binary('minS', add(image, mul(panels, i32(width))), i32(images)), 'end');
        b.for(image, end, lanes, (first) => {
          const columns = Array.from({ length: TILE_INPUTS }, (_, j) => {
            const sums = six(b, (i) =>
              load('f32', get(from), (i * TILE_INPUTS + j) * layout.productPoint, true),
            );
            return transformShortOutput(b, sums).map((value) => b.let(value));
          });
          const results = [0, 1, 2].flatMap((y) =>
            transformShortOutput(
              b,
              six(b, (j) => columns[j]?.[y] ?? i32(0)),
            ).map((value) => b.let(value)),
          );
          // Downwards, so that the last image overwrites what is left over.
          for (let lane = lanes - 1; lane >= 0; lane--) {
            const at = b.let(binary('minS', add(first, i32(lane)), i32(images - 1)));
            const to = b.let(add(into, mul(at, i32(imageBytes))), 'to');
            results.forEach((value, point) => {
              b.store('f32', to, extract(value, lane), point * 4);
            });
          }
          // The other half of the panel, or the next panel.
          const half = binary('and', sub(first, image), i32(lanes));
          b.set(from, add(get(from), select(half, i32(layout.productPanel - lanes * 4), i32(lanes * 4))));
        });
      });
    },
  );
}

function unitFunction(
  kernel: WinogradGradientKernel,
  inputs: Side,
  filters: Side,
  layout: Layout,
  options: Pick<ContractionOptions, 'lanes' | 'baseOf'>,
): Func {
  const { name } = kernel;
  const width = TILE_VECTORS * options.lanes;
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
