/** Decisions about a Winograd convolution: which tiles a unit takes, and where things lie in a thread's scratch. */
import { InternalError } from '../../core/errors.js';
import type { WinogradKernel } from '../../compiler/kernel.js';
import { type Machine, wholeLines } from './machine.js';
import { panelsOf, type Panels } from './winograd-panels.js';
import { TILE_INPUTS, TILE_OUTPUTS, TILE_POINTS } from './winograd-transforms.js';

/** Bytes of the transformed inputs of a unit: they and the products of a panel should fit a second-level cache. */
const INPUT_BYTES = 960 * 1024;
/** Tiles of a unit, at the most. */
const MOST_TILES = 96;
/** Images down and across a mosaic, at the most. */
const MOST_IMAGES = 4;
/** What going through all filters costs a unit, in tiles. */
const UNIT_TILES = 3;

/**
 * Images side by side, so that tiles go on across their borders: 13 rows of outputs fill 4 rows of tiles alone, but 4 times 13 rows fill 13. Neighbours
 * share the zeros between them.
 */
export interface Mosaic {
  /** Images down and across. */
  readonly down: number;
  readonly across: number;
  /** From an image to the next, in outputs. */
  readonly rowPeriod: number;
  readonly columnPeriod: number;
}

export interface WinogradPlan {
  readonly mosaic: Mosaic;
  /** Tiles down and across a mosaic. */
  readonly down: number;
  readonly across: number;
  /** Mosaics, and rows of tiles, of a unit; several mosaics, or several images in one, only with all their rows. */
  readonly mosaics: number;
  readonly rows: number;
  readonly imageBlocks: number;
  readonly rowBlocks: number;
  /** Images of a unit. */
  readonly images: number;
  /** Tiles of a full unit. */
  readonly tiles: number;
  /** Tiles of all units together, with those that fill up tiles of the matrix kernel. */
  readonly totalTiles: number;
  /** Columns are output channels, and rows are tiles. */
  readonly panels: readonly Panels[];
}

type Split = Pick<WinogradPlan, 'mosaic' | 'down' | 'across' | 'mosaics' | 'rows' | 'tiles' | 'totalTiles'>;

export function planWinograd(kernel: WinogradKernel, machine: Machine): WinogradPlan {
  const panels = panelsOf(kernel.outChannel.extent, machine);
  const columns = panels.reduce((sum, { count, width }) => sum + count * width, 0);
  /** So many tiles, with those that fill up the last rows. */
  const filled = (tiles: number): number =>
    panels.reduce((sum, { count, width, rows }) => sum + count * width * Math.ceil(tiles / rows) * rows, 0) /
    columns;
  const count = kernel.image.extent;
  const fitting = Math.floor(INPUT_BYTES / (TILE_POINTS * kernel.channel.extent * 4));
  const most = Math.max(1, Math.min(MOST_TILES, fitting));
  let best: Split | undefined;
  let lowest = Infinity;
  const consider = (mosaic: Mosaic, mosaics: number, wantedRows: number): void => {
    const down = tilesAlong(mosaic.down, mosaic.rowPeriod, kernel.y.extent);
    const across = tilesAlong(mosaic.across, mosaic.columnPeriod, kernel.x.extent);
    const rows = Math.min(wantedRows, down);
    const tiles = mosaics * rows * across;
    if (tiles > most && best !== undefined) return;
    const all = Math.ceil(count / (mosaic.down * mosaic.across));
    const blocks = Math.ceil(all / mosaics);
    const bands = Math.ceil(down / rows);
    const totalTiles =
      bands > 1
        ? count * ((bands - 1) * filled(tiles) + filled((down - (bands - 1) * rows) * across))
        : (blocks - 1) * filled(tiles) + filled((all - (blocks - 1) * mosaics) * rows * across);
    const units = blocks * bands;
    // At the end, threads wait for the last unit.
    const cost = (totalTiles + units * UNIT_TILES) * (1 + 1 / (2 * units));
    if (cost < lowest) {
      lowest = cost;
      best = { mosaic, down, across, mosaics, rows, tiles, totalTiles };
    }
  };
  const [single, ...others] = mosaicsOf(kernel);
  for (let rows = 1; rows <= Math.ceil(kernel.y.extent / TILE_OUTPUTS); rows++) consider(single, 1, rows);
  for (const mosaic of [single, ...others]) {
    for (let mosaics = 1; mosaics * mosaic.down * mosaic.across <= count && mosaics <= most; mosaics++)
      consider(mosaic, mosaics, Infinity);
  }
  if (best === undefined) throw new InternalError('a convolution without rows');
  const { mosaic, mosaics, down, rows } = best;
  const images = mosaics * mosaic.down * mosaic.across;
  return {
    ...best,
    images,
    imageBlocks: Math.ceil(count / images),
    rowBlocks: Math.ceil(down / rows),
    panels,
  };
}

const tilesAlong = (images: number, period: number, outputs: number): number =>
  Math.ceil(((images - 1) * period + outputs) / TILE_OUTPUTS);

/**
 * Images go side by side where their outputs do so without a gap, which is so under two zeros on each side: in input gradients. In forward passes an
 * image stays alone, so that a value that is not finite spoils no other image.
 */
const mostImages = (period: number, outputs: number): number => (period === outputs ? MOST_IMAGES : 1);

/** The mosaics to choose from; the first is a single image. */
function mosaicsOf(kernel: WinogradKernel): [Mosaic, ...Mosaic[]] {
  const period = (inputs: number, outputs: number, before: number): number =>
    inputs + Math.max(before, outputs + TILE_INPUTS - TILE_OUTPUTS - inputs - before);
  const [above, left] = kernel.padding;
  const rowPeriod = period(kernel.inputRow.extent, kernel.y.extent, above);
  const columnPeriod = period(kernel.inputColumn.extent, kernel.x.extent, left);
  const found: Mosaic[] = [];
  for (let down = 1; down <= mostImages(rowPeriod, kernel.y.extent); down++) {
    for (let across = 1; across <= mostImages(columnPeriod, kernel.x.extent); across++) {
      if (down * across > 1) found.push({ down, across, rowPeriod, columnPeriod });
    }
  }
  return [{ down: 1, across: 1, rowPeriod, columnPeriod }, ...found];
}

/** Where things lie in a thread's scratch, and their steps, in bytes. */
export interface WinogradLayout {
  /** L channels of a zero-padded part of a mosaic. */
  readonly pixels: number;
  readonly pixelRow: number;
  readonly pixelRows: number;
  /** [point][tile][channel]: transformed inputs. */
  readonly inputs: number;
  readonly inputPoint: number;
  readonly inputTile: number;
  /** [point][tile][column of a panel]: products with the filters of a panel. */
  readonly products: number;
  readonly productPoint: number;
  /** L output channels of a part of a mosaic. */
  readonly results: number;
  readonly resultRow: number;
  /** L output channels of an image, each by itself. */
  readonly planes: number;
  readonly planeBytes: number;
  readonly bytes: number;
}

/** An odd number of cache lines: equal places of successive parts then lie in different sets. */
export const spread = (bytes: number): number => {
  const whole = wholeLines(bytes);
  return whole % 128 === 0 ? whole + 64 : whole;
};

export function layoutOf(plan: WinogradPlan, kernel: WinogradKernel, lanes: number): WinogradLayout {
  const { rows, across, panels, mosaic } = plan;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += wholeLines(bytes);
    return at;
  };
  const pixelBytes = lanes * 4;
  const pixelRow = (TILE_OUTPUTS * across + TILE_INPUTS - TILE_OUTPUTS) * pixelBytes;
  const pixelRows = TILE_OUTPUTS * rows + TILE_INPUTS - TILE_OUTPUTS;
  const tiles = Math.max(...panels.map((each) => Math.ceil(plan.tiles / each.rows) * each.rows));
  const inputTile = Math.ceil(kernel.channel.extent / lanes) * lanes * 4;
  const inputPoint = spread(tiles * inputTile);
  const productPoint = spread(tiles * Math.max(...panels.map(({ width }) => width)) * 4);
  const resultRow = TILE_OUTPUTS * across * pixelBytes;
  const imageRows = mosaic.down * mosaic.across > 1 ? kernel.y.extent : TILE_OUTPUTS * rows;
  // Vectors reach beyond the end of the last row.
  const planeBytes = spread((imageRows * kernel.x.extent + lanes) * 4);
  return {
    pixels: place(pixelRows * pixelRow),
    pixelRow,
    pixelRows,
    results: place(TILE_OUTPUTS * rows * resultRow + lanes * pixelBytes),
    resultRow,
    planes: place(lanes * planeBytes),
    planeBytes,
    inputs: place(TILE_POINTS * inputPoint),
    inputPoint,
    inputTile,
    products: place(TILE_POINTS * productPoint),
    productPoint,
    bytes: end,
  };
}
