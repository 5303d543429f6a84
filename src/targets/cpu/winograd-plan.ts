/** Decisions about a Winograd convolution: which tiles a unit takes, and where things lie in a thread's scratch. */
import { InternalError } from '../../core/errors.js';
import type { WinogradKernel } from '../../compiler/kernel.js';
export const TILE_ROWS = 6;
export const TILE_VECTORS = 2;
import { TILE_INPUTS, TILE_OUTPUTS, TILE_POINTS } from './winograd-transforms.js';

/** Bytes of the transformed inputs of a unit: most of a second-level cache. */
const INPUT_BYTES = 960 * 1024;
/** Panels of tiles of a unit, at the most. */
const MOST_PANELS = 12;
/** Images down and across a mosaic, at the most. */
const MOST_IMAGES = 4;
/** What going through all filters costs a unit, in panels. */
const UNIT_PANELS = 0.4;
/** Tiles of output channels whose products wait for their way back: their bytes should stay in the second-level cache. */
const OUTPUT_BYTES = 256 * 1024;

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
  /** Panels of a full unit. */
  readonly panels: number;
  /** Panels of all units together. */
  readonly totalPanels: number;
  /** Output channels that are computed together, a multiple of a tile's rows. */
  readonly channels: number;
}

type Split = Pick<WinogradPlan, 'mosaic' | 'down' | 'across' | 'mosaics' | 'rows' | 'panels' | 'totalPanels'>;

export function planWinograd(kernel: WinogradKernel, lanes: number): WinogradPlan {
  const width = TILE_VECTORS * lanes;
  const count = kernel.image.extent;
  const most = Math.max(
    1,
    Math.min(MOST_PANELS, Math.floor(INPUT_BYTES / (TILE_POINTS * kernel.channel.extent * width * 4))),
  );
  let best: Split | undefined;
  let lowest = Infinity;
  const consider = (mosaic: Mosaic, mosaics: number, wantedRows: number): void => {
    const down = tilesAlong(mosaic.down, mosaic.rowPeriod, kernel.y.extent);
    const across = tilesAlong(mosaic.across, mosaic.columnPeriod, kernel.x.extent);
    const rows = Math.min(wantedRows, down);
    const panelsOf = (n: number, r: number): number => Math.ceil((n * r * across) / width);
    const panels = panelsOf(mosaics, rows);
    if (panels > most && best !== undefined) return;
    const all = Math.ceil(count / (mosaic.down * mosaic.across));
    const blocks = Math.ceil(all / mosaics);
    const bands = Math.ceil(down / rows);
    const totalPanels =
      bands > 1
        ? count * ((bands - 1) * panels + panelsOf(1, down - (bands - 1) * rows))
        : (blocks - 1) * panels + panelsOf(all - (blocks - 1) * mosaics, rows);
    const units = blocks * bands;
    // At the end, threads wait for the last unit.
    const cost = (totalPanels + units * UNIT_PANELS) * (1 + 1 / (2 * units));
    if (cost < lowest) {
      lowest = cost;
      best = { mosaic, down, across, mosaics, rows, panels, totalPanels };
    }
  };
  const [single, ...others] = mosaicsOf(kernel);
  for (let rows = 1; rows <= Math.ceil(kernel.y.extent / TILE_OUTPUTS); rows++) consider(single, 1, rows);
  for (const mosaic of [single, ...others]) {
    for (
      let mosaics = 1;
      mosaics * mosaic.down * mosaic.across <= count && mosaics <= most * width;
      mosaics++
    )
      consider(mosaic, mosaics, Infinity);
  }
  if (best === undefined) throw new InternalError('a convolution without rows');
  const { mosaic, mosaics, down, rows, panels } = best;
  const images = mosaics * mosaic.down * mosaic.across;
  const tiles = Math.ceil(kernel.outChannel.extent / TILE_ROWS);
  const tileBytes = TILE_POINTS * panels * TILE_ROWS * width * 4;
  const together = Math.max(1, Math.min(tiles, Math.floor(OUTPUT_BYTES / tileBytes)));
  const parts = Math.ceil(tiles / together);
  return {
    ...best,
    images,
    imageBlocks: Math.ceil(count / images),
    rowBlocks: Math.ceil(down / rows),
    channels: Math.ceil(tiles / parts) * TILE_ROWS,
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
  /** For each tile of a unit, where its rows begin in `lines`, and in `sums`. */
  readonly lineTable: number;
  readonly sumTable: number;
  /** A zero-padded part of one channel of an image. */
  readonly padded: number;
  readonly paddedRow: number;
  readonly paddedRows: number;
  /** For each row of tiles 6 lines: inputs, transformed along columns. */
  readonly lines: number;
  readonly lineMosaic: number;
  /** [point][panel][channel][width]: transformed inputs. */
  readonly inputs: number;
  readonly inputPoint: number;
  readonly inputPanel: number;
  /** [point][panel][output channel][width]: products. */
  readonly products: number;
  readonly productPoint: number;
  readonly productPanel: number;
  /** For each row of tiles 6 lines: products, transformed back along rows. */
  readonly sums: number;
  readonly sumRow: number;
  readonly sumMosaic: number;
  /** Finished rows of one output channel: of a mosaic, and of an image. */
  readonly finished: number;
  readonly finishedRow: number;
  readonly image: number;
  readonly bytes: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;
/** An odd number of cache lines: equal places of successive parts then lie in different sets. */
export const spread = (bytes: number): number => {
  const whole = aligned(bytes);
  return whole % 128 === 0 ? whole + 64 : whole;
};

export function layoutOf(plan: WinogradPlan, kernel: WinogradKernel, lanes: number): WinogradLayout {
  const width = TILE_VECTORS * lanes;
  const { mosaics, rows, across, panels } = plan;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += aligned(bytes);
    return at;
  };
  const paddedRow = Math.ceil((TILE_OUTPUTS * across + 2) / lanes) * lanes * 4;
  const paddedRows = TILE_OUTPUTS * rows + 2;
  const lineMosaic = rows * TILE_INPUTS * paddedRow;
  const sumRow = TILE_OUTPUTS * across * 4;
  const sumMosaic = rows * TILE_INPUTS * sumRow;
  const { mosaic } = plan;
  const isSingle = mosaic.down * mosaic.across === 1;
  const finishedRow = ((mosaic.across - 1) * mosaic.columnPeriod + kernel.x.extent) * 4;
  const inputPanel = kernel.channel.extent * width * 4;
  const inputPoint = spread(panels * inputPanel);
  const productPanel = plan.channels * width * 4;
  const productPoint = spread(panels * productPanel);
  return {
    lineTable: place(panels * width * 4),
    sumTable: place(panels * width * 4),
    padded: place(paddedRows * paddedRow),
    paddedRow,
    paddedRows,
    lines: place(mosaics * lineMosaic),
    lineMosaic,
    sums: place(mosaics * sumMosaic + TILE_INPUTS * sumRow),
    sumRow,
    sumMosaic,
    finished: place(rows * TILE_OUTPUTS * finishedRow + lanes * 4),
    finishedRow,
    image: place(isSingle ? 0 : kernel.y.extent * kernel.x.extent * 4),
    inputs: place(TILE_POINTS * inputPoint),
    inputPoint,
    inputPanel,
    products: place(TILE_POINTS * productPoint),
    productPoint,
    productPanel,
    bytes: end,
  };
}
