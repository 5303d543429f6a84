/** The way in of a Winograd convolution: padding, and the transform of tiles of inputs. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { split } from './contraction-axes.js';
import { TILE_VECTORS } from './winograd-plan.js';
import { add, binary, func, get, i32, lanes as lanesOf, load, mul, sub, type Func } from './ir.js';
import { bandOf, copyFunction, linesFunction } from './winograd-lines.js';
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
  const [top, left] = kernel.padding;
  const { mosaic } = plan;
  const perMosaic = mosaic.down * mosaic.across;
  const bytesOf = (v: WinogradKernel['channel']): number => (input.strides.get(v) ?? 0) * 4;
  const all = func(
    `${name}_inputs`,
    ['source', 'images', 'row', 'rows', 'panels', 'scratch'],
    (b, source, images, row, rows, panels, scratch) => {
      // The rows of the image that are there; all others stay 0.
      const {
        begin,
        count: height,
        above,
      } = bandOf(b, row, rows, {
        height: kernel.inputRow.extent,
        above: top,
        overlap: TILE_INPUTS - TILE_OUTPUTS,
      });
      const padded = b.let(add(scratch, i32(layout.padded)), 'padded');
      const inside = add(add(padded, mul(above, i32(layout.paddedRow))), i32(left * 4));
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
        b.for(i32(0), images, perMosaic, (first) => {
          const count = b.let(binary('minS', i32(perMosaic), sub(images, first)), 'count');
          b.for(i32(0), count, 1, (each) => {
            const [down, across] = split(b, each, mosaic.across);
            const shift = add(
              mul(down, i32(mosaic.rowPeriod * layout.paddedRow)),
              mul(across, i32(mosaic.columnPeriod * 4)),
            );
            b.call(`${name}_copy`, get(image), add(target, shift), height);
            b.set(image, add(get(image), i32(bytesOf(kernel.image))));
          });
          b.call(`${name}_lines`, padded, get(line), rows);
          b.set(line, add(get(line), i32(layout.lineMosaic)));
        });
        b.call(`${name}_tiles`, lines, scratch, panels, get(into));
        b.set(from, add(get(from), i32(bytesOf(kernel.channel))));
        b.set(into, add(get(into), i32(TILE_VECTORS * lanes * 4)));
      });
    },
  );
  // Columns that no tile needs are left out.
  const needed = TILE_OUTPUTS * plan.across + TILE_INPUTS - TILE_OUTPUTS - left;
  return [
    copyFunction(`${name}_copy`, {
      lanes,
      width: Math.min(kernel.inputColumn.extent, needed),
      stride: input.strides.get(kernel.inputColumn) ?? 0,
      rowBytes: bytesOf(kernel.inputRow),
      paddedRow: layout.paddedRow,
    }),
    linesFunction(`${name}_lines`, {
      lanes,
      paddedRow: layout.paddedRow,
      inputs: TILE_INPUTS,
      transform: (b, inputs) =>
        transformInput(
          b,
          six(b, (i) => inputs[i] ?? i32(0)),
        ),
    }),
    tilesFunction(kernel, layout, lanes),
    all,
  ];
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
