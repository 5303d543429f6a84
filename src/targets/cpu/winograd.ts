/**
 * 3x3 convolutions by Winograd's minimal filtering, F(4x4, 3x3): a tile of 4x4 outputs takes 36 multiplications per pair of channels instead of 144. A
 * unit of work transforms the inputs of some tiles for all channels, multiplies them with the transformed filters (36 matrix products, one for
 * each point), and transforms the products back. After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016).
 */
import { filterPointSize } from '../../compiler/winograd.js';
import type { WinogradFilterKernel, WinogradKernel } from '../../compiler/kernel.js';
import { split } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { mergeStores } from './contraction-stores.js';
import {
  add,
  binary,
  compare,
  func,
  gather,
  get,
  i32,
  laneIndex,
  lanes as lanesOf,
  load,
  mul,
  splat,
  sub,
  type Expr,
  type Func,
} from './ir.js';
import type { LoweredKernel } from './lowered-kernel.js';
import { inputFunction } from './winograd-inputs.js';
import { outputFunctions } from './winograd-outputs.js';
import { panelsOf, panelTile, type Panels } from './winograd-panels.js';
import { layoutOf, planWinograd, type WinogradLayout, type WinogradPlan } from './winograd-plan.js';
import { FILTER, TILE_POINTS, transformSquare } from './winograd-transforms.js';

/** Rough operations, in those of a tile of the matrix kernel, to transform a vector of inputs, or of products. */
const TRANSFORM_FLOPS = 600;

/** Lowers the convolution proper. Results do not depend on how units are shared among threads. */
export function lowerWinograd(kernel: WinogradKernel, options: ContractionOptions): ContractionCode {
  const { machine } = options;
  const { lanes } = machine;
  const { name } = kernel;
  const plan = planWinograd(kernel, machine);
  const layout = layoutOf(plan, kernel, lanes);
  const merged = mergeStores(kernel.stores, [[kernel.image], [kernel.outChannel], [kernel.y, kernel.x]]);
  const functions = [
    inputFunction(kernel, plan, layout, lanes, options.library),
    ...plan.panels.flatMap((panel, n) => [
      panelTile(`${name}_tile${n}`, machine, panel, {
        rows: panel.rows,
        rowBytes: layout.inputTile,
        stepBytes: 4,
      }),
      productsFunction(kernel, panel, n, layout),
    ]),
    ...outputFunctions(kernel, plan, layout, merged, options),
    unitFunction(kernel, plan, layout, options),
    func(`${name}_units`, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
      b.for(begin, end, 1, (unit) => {
        b.call(`${name}_unit`, table, unit, scratch);
      });
    }),
  ];
  const { channel } = kernel;
  const outChannels = kernel.outChannel.extent;
  const direct = kernel.image.extent * kernel.y.extent * kernel.x.extent * channel.extent * outChannels * 9;
  return {
    functions,
    entry: `${name}_units`,
    units: plan.imageBlocks * plan.rowBlocks,
    scratchBytes: layout.bytes,
    flops: 2 * direct,
    work:
      (2 * plan.totalTiles * TILE_POINTS * channel.extent * outChannels +
        (plan.totalTiles / lanes) * (channel.extent + outChannels) * TRANSFORM_FLOPS) /
      4,
  };
}

/** One unit: inputs of all channels, then the output channels of one panel after the other. */
function unitFunction(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  options: ContractionOptions,
): Func {
  const { name, input } = kernel;
  return func(`${name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
    const [imageBlock, rowBlock] = split(b, unit, plan.rowBlocks);
    const limited = (block: Expr, size: number, extent: number): [Expr, Expr] => {
      const begin = b.let(mul(block, i32(size)), 'begin');
      return [begin, b.let(binary('minS', i32(size), sub(i32(extent), begin)), 'count')];
    };
    const [image, images] = limited(imageBlock, plan.images, kernel.image.extent);
    const [row, rows] = limited(rowBlock, plan.rows, plan.down);
    const perMosaic = plan.mosaic.down * plan.mosaic.across;
    const mosaics = binary('divU', add(images, i32(perMosaic - 1)), i32(perMosaic));
    const tiles = b.let(mul(mul(mosaics, rows), i32(plan.across)), 'tiles');
    const source = add(
      add(options.baseOf(b, table, input.buffer), i32(input.offset * 4)),
      mul(image, i32((input.strides.get(kernel.image) ?? 0) * 4)),
    );
    b.call(`${name}_inputs`, b.let(source, 'source'), images, row, rows, scratch);
    const filters = b.let(options.baseOf(b, table, kernel.filters), 'filters');
    const columnBytes = kernel.channel.extent * 4;
    plan.panels.forEach((panel, n) => {
      b.for(i32(0), i32(panel.count), 1, (each) => {
        const channel = b.let(add(i32(panel.begin), mul(each, i32(panel.width))), 'channel');
        b.call(`${name}_products${n}`, b.let(add(filters, mul(channel, i32(columnBytes)))), tiles, scratch);
        b.call(`${name}_outputs${n}`, table, image, images, row, rows, channel, scratch);
      });
    });
  });
}

/** The matrix products with a panel of filters. Parameters: `filters` (the panel), `tiles`, `scratch`. */
function productsFunction(kernel: WinogradKernel, panel: Panels, n: number, layout: WinogradLayout): Func {
  const { name } = kernel;
  const channels = kernel.channel.extent;
  const pointBytes = filterPointSize(channels, kernel.outChannel.extent) * 4;
  const { rows, width } = panel;
  return func(`${name}_products${n}`, ['filters', 'tiles', 'scratch'], (b, filters, tiles, scratch) => {
    const filter = b.variable(filters, 'filter');
    const inputs = b.variable(add(scratch, i32(layout.inputs)), 'inputs');
    const products = b.variable(add(scratch, i32(layout.products)), 'products');
    b.for(i32(0), i32(TILE_POINTS), 1, () => {
      const end = b.let(add(get(filter), i32(channels * width * 4)), 'end');
      const input = b.variable(get(inputs), 'input');
      const product = b.variable(get(products), 'product');
      // What is computed of tiles past the last is not read.
      b.for(i32(0), tiles, rows, () => {
        b.call(`${name}_tile${n}`, get(input), get(filter), end, get(product), i32(0), i32(1));
        b.set(input, add(get(input), i32(rows * layout.inputTile)));
        b.set(product, add(get(product), i32(rows * width * 4)));
      });
      b.set(filter, add(get(filter), i32(pointBytes)));
      b.set(inputs, add(get(inputs), i32(layout.inputPoint)));
      b.set(products, add(get(products), i32(layout.productPoint)));
    });
  });
}

/** Channels whose filters a unit transforms. */
const FILTER_CHANNELS = 8;

/** Lowers the transform of the filters, GgGᵀ, into [point][panel][channel][column of the panel]. A unit is L output channels by some channels. */
export function lowerWinogradFilter(
  kernel: WinogradFilterKernel,
  { machine, baseOf, library }: Pick<ContractionOptions, 'machine' | 'baseOf' | 'library'>,
): LoweredKernel {
  const { lanes } = machine;
  const { name, outChannel, channel, source } = kernel;
  const pointBytes = filterPointSize(channel.extent, outChannel.extent) * 4;
  const bytesOf = (v: WinogradFilterKernel['row']): number => (source.strides.get(v) ?? 0) * 4;
  const channelBlocks = Math.ceil(channel.extent / FILTER_CHANNELS);
  const panels = panelsOf(outChannel.extent, machine);
  const run = func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const from = b.let(add(baseOf(b, table, source.buffer), i32(source.offset * 4)), 'from');
    const to = b.let(baseOf(b, table, kernel.buffer), 'to');
    b.for(begin, end, 1, (unit) => {
      const [vector, block] = split(b, unit, channelBlocks);
      const first = b.let(mul(block, i32(FILTER_CHANNELS)), 'first');
      const last = b.let(binary('minS', add(first, i32(FILTER_CHANNELS)), i32(channel.extent)), 'last');
      const column = b.let(mul(vector, i32(lanes)), 'column');
      const start = b.let(
        add(add(from, mul(column, i32(bytesOf(outChannel)))), mul(first, i32(bytesOf(channel)))),
        'start',
      );
      /** So many filters side by side, of the panels of a width. */
      const transform = (count: number, { begin: firstColumn, width }: Panels): void => {
        const [panel, inPanel] = split(b, sub(column, i32(firstColumn)), width);
        const place = add(
          add(
            mul(add(mul(panel, i32(width)), i32(firstColumn)), i32(channel.extent * 4)),
            mul(inPanel, i32(4)),
          ),
          mul(first, i32(width * 4)),
        );
        const { name: transformFilters } = library.get(`winogradFilters_${count}`, (each) =>
          filtersFunction(each, lanes, count),
        );
        const bytes = [outChannel, channel, kernel.row, kernel.column].map((v) => i32(bytesOf(v)));
        const channels = b.let(sub(last, first), 'channels');
        b.call(transformFilters, start, add(to, place), channels, ...bytes, i32(width * 4), i32(pointBytes));
      };
      choose(outChannel.extent, column, transform);
    });
    /** Calls `transform` with what holds for the vector of columns that begins at `column`. */
    function choose(columns: number, column: Expr, transform: (count: number, panels: Panels) => void): void {
      const rest = columns % lanes;
      const [widest, narrow] = panels;
      if (widest === undefined) return;
      const within = (last: Panels): void => {
        if (rest === 0) transform(lanes, last);
        else if (columns < lanes) transform(rest, last);
        else
          b.if(
            compare('le', column, i32(columns - lanes)),
            () => {
              transform(lanes, last);
            },
            () => {
              transform(rest, last);
            },
          );
      };
      if (narrow === undefined) within(widest);
      else
        b.if(
          compare('lt', column, i32(narrow.begin)),
          () => {
            transform(lanes, widest);
          },
          () => {
            within(narrow);
          },
        );
    }
  });
  return {
    functions: [run],
    entry: name,
    units: Math.ceil(outChannel.extent / lanes) * channelBlocks,
    unitWork: Math.min(FILTER_CHANNELS, channel.extent) * 50 * lanes,
  };
}

/** Transforms `channels` channels of `count` filters side by side, at most L; further lanes hold the last one. Bytes say how the filters and the results lie. */
function filtersFunction(name: string, lanes: number, count: number): Func {
  const bytes = ['filterBytes', 'channelBytes', 'rowBytes', 'columnBytes', 'targetBytes', 'pointBytes'];
  return func(
    name,
    ['source', 'target', 'channels', ...bytes],
    (
      b,
      source,
      target,
      channels,
      filterBytes,
      channelBytes,
      rowBytes,
      columnBytes,
      targetBytes,
      pointBytes,
    ) => {
      const filter = b.variable(source, 'filter');
      const to = b.variable(target, 'to');
      const elements = binary('shrS', filterBytes, i32(2));
      const index = b.let(mul(laneIndex, splat(b.let(elements, 'elements'))), 'index');
      const read = (at: Expr): Expr => {
        if (count === lanes) return gather('f32', at, index);
        let place = at;
        return lanesOf(
          Array.from({ length: lanes }, (_, lane) => {
            if (lane > 0 && lane < count) place = b.let(add(place, filterBytes), 'place');
            return load('f32', place);
          }),
        );
      };
      b.for(i32(0), channels, 1, () => {
        const places: Expr[][] = [];
        for (let row = 0, first = get(filter); row < FILTER.inputs; row++) {
          if (row > 0) first = b.let(add(first, rowBytes), 'row');
          const line = [first];
          for (let column = 1; column < FILTER.inputs; column++)
            line.push(b.let(add(line[column - 1] as Expr, columnBytes), 'at'));
          places.push(line);
        }
        // Results come in the order of their points.
        const point = b.variable(get(to), 'point');
        transformSquare(
          b,
          FILTER,
          (row, column) => read(places[row]?.[column] as Expr),
          (_row, _column, value) => {
            b.store('f32', get(point), value);
            b.set(point, add(get(point), pointBytes));
          },
        );
        b.set(filter, add(get(filter), channelBytes));
        b.set(to, add(get(to), targetBytes));
      });
    },
  );
}
