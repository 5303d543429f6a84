/** Inside a part of a filter gradient: the way in of both operands, the products, and the way out. */
import type { Operand, WinogradGradientKernel } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { split } from './contraction-axes.js';
import type { FunctionLibrary } from './function-library.js';
import {
  add,
  binary,
  compare,
  constant,
  extract,
  func,
  get,
  i32,
  load,
  mul,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import type { Panels } from './winograd-panels.js';
import { readPixels, type ImageShape } from './winograd-pixels.js';
import { transformTilesIn, type TilePlaces } from './winograd-tiles.js';
import {
  SHORT_OUTPUT,
  TILE_INPUTS,
  TILE_OUTPUTS,
  TILE_POINTS,
  transformSquare,
  type Transform,
} from './winograd-transforms.js';

/** Transformed columns of an operand that lie side by side: of a panel, or all. */
export interface Block {
  readonly begin: number;
  /** How many such blocks there are. */
  readonly count: number;
  readonly width: number;
}

/** One operand's way into scratch. */
export interface Side {
  readonly name: string;
  readonly operand: Operand;
  /** Lanes are neighbours along it. */
  readonly along: Variable;
  readonly row: Variable;
  readonly column: Variable;
  readonly zeros: readonly [number, number];
  readonly transform: Transform;
  readonly blocks: readonly Block[];
  /** In bytes: a row of pixels, and one point of the transformed tiles. */
  readonly pixelRow: number;
  readonly point: number;
  /** Where the transformed tiles begin in scratch: [point][block][tile][column of the block]. */
  readonly place: number;
}

/** What the tiles of a part are, and where things lie in a thread's scratch. */
export interface GradientLayout {
  readonly down: number;
  readonly across: number;
  readonly rowBlocks: number;
  readonly tiles: number;
  readonly pixels: number;
  /** [point][row][column of a panel]. */
  readonly products: number;
  readonly productPoint: number;
  readonly bytes: number;
}

/**
 * The function `<side>` transforms an operand's tiles of a part. Parameters: `source` (the first channel and row), `channels`, `rows` (of tiles), `inside` (where rows
 * go among the pixels), `height` (how many rows there are), `scratch`.
 */
export function sideFunction(
  kernel: WinogradGradientKernel,
  side: Side,
  layout: GradientLayout,
  lanes: number,
  library: FunctionLibrary,
): Func {
  const { name, operand, along, blocks } = side;
  const { across, tiles } = layout;
  const strideOf = (v: Variable): number => operand.strides.get(v) ?? 0;
  const extent = along.extent;
  const last = extent % lanes;
  const needed = TILE_OUTPUTS * across + side.transform.inputs - TILE_OUTPUTS - side.zeros[1];
  const shape: ImageShape = {
    width: Math.min(side.column.extent, needed),
    channelStride: strideOf(along),
    columnStride: strideOf(side.column),
    rowBytes: strideOf(side.row) * 4,
    pixelRow: side.pixelRow,
  };
  return func(
    name,
    ['source', 'channels', 'rows', 'inside', 'height', 'scratch'],
    (b, source, channels, rows, inside, height, scratch) => {
      const pixels = b.let(add(scratch, i32(layout.pixels)), 'pixels');
      blocks.forEach((block) => {
        const step = b.let(mul(rows, i32(across * block.width * 4)), 'step');
        const places: TilePlaces = {
          across,
          pixelRow: side.pixelRow,
          tileBytes: block.width * 4,
          pointBytes: side.point,
        };
        const vector = (first: Expr, count: number): void => {
          const [number, inBlock] = split(b, sub(first, i32(block.begin)), block.width);
          const column = add(i32(block.begin), mul(number, i32(block.width)));
          const place = add(mul(column, i32(tiles * 4)), mul(inBlock, i32(4)));
          const into = b.variable(add(add(scratch, i32(side.place)), place), 'into');
          const from = b.variable(add(source, mul(first, i32(strideOf(along) * 4))), 'from');
          b.for(i32(0), channels, 1, () => {
            readPixels(b, library, lanes, count, shape, [get(from), inside, height]);
            transformTilesIn(b, library, lanes, side.transform, places, [pixels, get(into), rows]);
            b.set(from, add(get(from), i32(strideOf(kernel.channel) * 4)));
            b.set(into, add(get(into), step));
          });
        };
        const end = Math.min(block.begin + block.count * block.width, extent);
        const whole = last > 0 && end === extent ? extent - last : end;
        if (whole > block.begin) {
          b.for(i32(block.begin), i32(whole), lanes, (first) => {
            vector(first, lanes);
          });
        }
        if (whole < end) vector(i32(whole), last);
      });
    },
  );
}

/** The matrix products of all output channels with a panel of images. Parameters: `panel`, `tiles`, `scratch`. */
export function productsFunction(
  name: string,
  n: number,
  panel: Panels,
  sides: { readonly inputs: Side; readonly filters: Side },
  layout: GradientLayout,
): Func {
  const { inputs, filters } = sides;
  const { rows, width } = panel;
  const outChannels = filters.along.extent;
  const whole = Math.floor(outChannels / rows);
  return func(`${name}_products${n}`, ['panel', 'tiles', 'scratch'], (b, first, tiles, scratch) => {
    const length = b.let(mul(tiles, i32(width * 4)), 'length');
    const from = b.variable(first, 'from');
    const filterPoint = b.variable(add(scratch, i32(filters.place)), 'filters');
    const productPoint = b.variable(add(scratch, i32(layout.products)), 'products');
    b.for(i32(0), i32(TILE_POINTS), 1, () => {
      const end = b.let(add(get(from), length), 'end');
      const filter = b.variable(get(filterPoint), 'filter');
      const product = b.variable(get(productPoint), 'product');
      const tile = (suffix: string): void => {
        b.call(`${name}_${suffix}${n}`, get(filter), get(from), end, get(product), i32(0), i32(1));
      };
      b.for(i32(0), i32(whole), 1, () => {
        tile('tile');
        b.set(filter, add(get(filter), i32(rows * 4)));
        b.set(product, add(get(product), i32(rows * width * 4)));
      });
      if (outChannels % rows > 0) tile('lastTile');
      b.set(from, add(get(from), i32(inputs.point)));
      b.set(filterPoint, add(get(filterPoint), i32(filters.point)));
      b.set(productPoint, add(get(productPoint), i32(layout.productPoint)));
    });
  });
}

/** Points of a result. */
const RESULTS = 9;

/** Transforms the sums of a panel back. Parameters: `target` (of the part), `image` (the panel's first), `scratch`. */
export function outputsFunction(
  kernel: WinogradGradientKernel,
  n: number,
  panel: Panels,
  layout: GradientLayout,
  lanes: number,
): Func {
  const images = kernel.image.extent;
  const outChannels = kernel.outChannel.extent;
  const imageBytes = outChannels * RESULTS * 4;
  const rowBytes = panel.width * 4;
  const last = images % lanes;
  return func(`${kernel.name}_outputs${n}`, ['target', 'image', 'scratch'], (b, target, image, scratch) => {
    const products = b.let(add(scratch, i32(layout.products)), 'products');
    /** Results of some images side by side with all output channels. */
    const vector = (first: Expr, count: number): void => {
      const from = b.variable(add(products, mul(sub(first, image), i32(4))), 'from');
      const to = b.variable(add(target, mul(first, i32(imageBytes))), 'to');
      b.for(i32(0), i32(outChannels), 1, () => {
        const results: Expr[] = Array.from({ length: RESULTS });
        transformSquare(
          b,
          SHORT_OUTPUT,
          (y, x) => load('f32', get(from), (y * TILE_INPUTS + x) * layout.productPoint, true),
          (y, x, value) => {
            results[y * 3 + x] = b.let(value, 'result');
          },
        );
        storeTransposed(b, get(to), results, { lanes, count, stride: imageBytes });
        b.set(from, add(get(from), i32(rowBytes)));
        b.set(to, add(get(to), i32(RESULTS * 4)));
      });
    };
    const end = b.let(binary('minS', add(image, i32(panel.width)), i32(images - last)), 'end');
    b.for(image, end, lanes, (first) => {
      vector(first, lanes);
    });
    const holdsLast = panel.begin + panel.count * panel.width >= images;
    if (last > 0 && holdsLast) {
      b.if(compare('gt', add(image, i32(panel.width)), i32(images - last)), () => {
        vector(i32(images - last), last);
      });
    }
  });
}

/** Lane l of the vectors goes, as neighbours, to `to` + l·`stride`, for the first `count` lanes. */
function storeTransposed(
  b: Builder,
  to: Expr,
  vectors: readonly Expr[],
  { lanes, count, stride }: { readonly lanes: number; readonly count: number; readonly stride: number },
): void {
  for (let first = 0; first < vectors.length; first += lanes) {
    const group = vectors.slice(first, first + lanes);
    const [only] = group;
    if (group.length === 1 && only !== undefined) {
      for (let lane = 0; lane < count; lane++)
        b.store('f32', to, extract(only, lane), lane * stride + first * 4);
      continue;
    }
    const square = Array.from({ length: lanes }, (_, n) =>
      b.variable(group[n] ?? constant('f32v', 0), 'row'),
    );
    const valid = group.length < lanes ? i32(group.length) : undefined;
    b.transpose(square);
    square.slice(0, count).forEach((row, lane) => {
      b.store('f32', to, get(row), lane * stride + first * 4, valid);
    });
  }
}
