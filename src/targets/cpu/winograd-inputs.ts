/** The way in of a Winograd convolution: padding, and the transform of tiles of inputs. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { TILE_VECTORS } from './contraction-tile.js';
import {
  add,
  binary,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  loadStrided,
  mul,
  sub,
  type Expr,
  type Func,
} from './ir.js';
import type { WinogradLayout, WinogradPlan } from './winograd-plan.js';
import { six, TILE_INPUTS, TILE_OUTPUTS, transformInput } from './winograd-transforms.js';

/**
 * `<name>_inputs` transforms the tiles of a unit. Parameters: `source` (the first image), `images`, `row` (the first, of tiles), `rows`, `panels`,
 * `scratch`.
 */
export function inputFunctions(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  lanes: number,
): Func[] {
  const { name, input } = kernel;
  const height = kernel.inputRow.extent;
  const [above, left] = kernel.padding;
  const bytesOf = (v: WinogradKernel['channel']): number => (input.strides.get(v) ?? 0) * 4;
  const all = func(
    `${name}_inputs`,
    ['source', 'images', 'row', 'rows', 'panels', 'scratch'],
    (b, source, images, row, rows, panels, scratch) => {
      // The rows of the image that are there; all others stay 0.
      const first = b.let(sub(mul(row, i32(TILE_OUTPUTS)), i32(above)), 'first');
      const begin = b.let(binary('maxS', first, i32(0)), 'begin');
      const bottom = add(first, add(mul(rows, i32(TILE_OUTPUTS)), i32(2)));
      const count = b.let(sub(binary('minS', bottom, i32(height)), begin), 'count');
      const padded = b.let(add(scratch, i32(layout.padded)), 'padded');
      const inside = add(add(padded, mul(sub(begin, first), i32(layout.paddedRow))), i32(left * 4));
      const target = b.let(inside, 'inside');
      b.push({
        kind: 'fillZero',
        address: padded,
        length: i32(layout.paddedRows * layout.paddedRow),
      });
      const lines = b.let(add(scratch, i32(layout.lines)), 'lines');
      const from = b.variable(add(source, mul(begin, i32(bytesOf(kernel.inputRow)))), 'from');
      const into = b.variable(add(scratch, i32(layout.inputs)), 'into');
      b.for(i32(0), i32(kernel.channel.extent), 1, () => {
        const image = b.variable(get(from), 'image');
        const line = b.variable(lines, 'line');
        b.for(i32(0), images, 1, () => {
          b.call(`${name}_copy`, get(image), target, count);
          b.call(`${name}_lines`, padded, get(line), rows);
          b.set(image, add(get(image), i32(bytesOf(kernel.image))));
          b.set(line, add(get(line), i32(layout.lineImage)));
        });
        b.call(`${name}_tiles`, lines, scratch, panels, get(into));
        b.set(from, add(get(from), i32(bytesOf(kernel.channel))));
        b.set(into, add(get(into), i32(TILE_VECTORS * lanes * 4)));
      });
    },
  );
  return [
    copyFunction(kernel, plan, layout, lanes),
    linesFunction(kernel, layout, lanes),
    tilesFunction(kernel, layout, lanes),
    all,
  ];
}

/** Copies `count` rows of an image. Parameters: `source`, `target`, `count`. */
function copyFunction(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  lanes: number,
): Func {
  const stride = kernel.input.strides.get(kernel.inputColumn) ?? 0;
  const rowBytes = (kernel.input.strides.get(kernel.inputRow) ?? 0) * 4;
  // Columns that no tile needs are left out.
  const needed = TILE_OUTPUTS * plan.across + 2 - kernel.padding[1];
  const width = Math.min(kernel.inputColumn.extent, needed);
  return func(`${kernel.name}_copy`, ['source', 'target', 'count'], (b, source, target, count) => {
    const from = b.variable(source, 'from');
    const to = b.variable(target, 'to');
    const vector = (column: number | Expr): void => {
      const at = typeof column === 'number' ? i32(column) : column;
      const read = add(get(from), mul(at, i32(stride * 4)));
      b.store('f32', add(get(to), mul(at, i32(4))), loadStrided('f32', read, stride));
    };
    b.for(i32(0), count, 1, () => {
      const whole = Math.floor(width / lanes);
      if (whole <= 8) for (let v = 0; v < whole; v++) vector(v * lanes);
      else b.for(i32(0), i32(whole * lanes), lanes, vector);
      // The last vector overlaps the one before.
      if (width % lanes !== 0) vector(width - lanes);
      b.set(from, add(get(from), i32(rowBytes)));
      b.set(to, add(get(to), i32(layout.paddedRow)));
    });
  });
}

/** Transforms along columns. Parameters: `padded`, `lines` (of this image), `rows` (of tiles). */
function linesFunction(kernel: WinogradKernel, layout: WinogradLayout, lanes: number): Func {
  const { paddedRow } = layout;
  return func(`${kernel.name}_lines`, ['padded', 'lines', 'rows'], (b, padded, lines, rows) => {
    b.for(i32(0), rows, 1, (row) => {
      const from = b.let(add(padded, mul(row, i32(TILE_OUTPUTS * paddedRow))), 'from');
      const to = b.let(add(lines, mul(row, i32(TILE_INPUTS * paddedRow))), 'to');
      b.for(i32(0), i32(paddedRow), lanes * 4, (column) => {
        const at = b.let(add(from, column), 'at');
        const target = b.let(add(to, column), 'target');
        const inputs = six(b, (i) => load('f32', at, i * paddedRow, true));
        transformInput(b, inputs).forEach((value, i) => {
          b.store('f32', target, value, i * paddedRow);
        });
      });
    });
  });
}

/** Transforms along rows, L tiles at a time. Parameters: `lines`, `scratch`, `panels`, `into` (this channel, in the first panel). */
function tilesFunction(kernel: WinogradKernel, layout: WinogradLayout, lanes: number): Func {
  const { paddedRow, inputPoint, inputPanel } = layout;
  return func(
    `${kernel.name}_tiles`,
    ['lines', 'scratch', 'panels', 'into'],
    (b, lines, scratch, panels, into) => {
      const entry = b.variable(add(scratch, i32(layout.lineTable)), 'entry');
      const panelTarget = b.variable(into, 'target');
      b.for(i32(0), panels, 1, () => {
        b.for(i32(0), i32(TILE_VECTORS * lanes * 4), lanes * 4, (half) => {
          const target = b.let(add(get(panelTarget), half), 'target');
          const starts = Array.from({ length: lanes }, (_, lane) =>
            b.let(add(lines, load('i32', get(entry), lane * 4)), 'start'),
          );
          for (let i = 0; i < TILE_INPUTS; i++) {
            const inputs = six(b, (j) =>
              lanesOf(starts.map((start) => load('f32', start, i * paddedRow + j * 4))),
            );
            transformInput(b, inputs).forEach((value, j) => {
              b.store('f32', target, value, (i * TILE_INPUTS + j) * inputPoint);
            });
          }
          b.set(entry, add(get(entry), i32(lanes * 4)));
        });
        b.set(panelTarget, add(get(panelTarget), i32(inputPanel)));
      });
    },
  );
}
