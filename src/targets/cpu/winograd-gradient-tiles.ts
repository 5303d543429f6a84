/** Inside a part of a filter gradient: the way in of both operands, the products, and the way out. */
import type { Operand, WinogradGradientKernel } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { split } from './contraction-axes.js';
import { TILE_ROWS, TILE_VECTORS } from './winograd-plan.js';
import {
  add,
  binary,
  extract,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { copyFunction, linesFunction } from './winograd-lines.js';
import { six, TILE_INPUTS, TILE_OUTPUTS, TILE_POINTS, transformShortOutput } from './winograd-transforms.js';

/** One operand's way into scratch. */
export interface Side {
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

/** What the tiles of a part are, and where things lie in a thread's scratch. */
export interface GradientLayout {
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

/**
 * `<side>` transforms an operand's tiles of a unit. Parameters: `source` (the first channel and row), `channels`, `rows` (of tiles), `inside` (where rows
 * go in the padded image), `count` (of rows), `scratch`.
 */
export function sideFunctions(
  kernel: WinogradGradientKernel,
  side: Side,
  layout: GradientLayout,
  lanes: number,
): Func[] {
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
export function productsFunction(
  name: string,
  inputs: Side,
  filters: Side,
  layout: GradientLayout,
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
export function outputsFunction(kernel: WinogradGradientKernel, layout: GradientLayout, lanes: number): Func {
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
