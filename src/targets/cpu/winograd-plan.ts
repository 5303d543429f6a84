/** Decisions about a Winograd convolution: which tiles a unit takes, and where things lie in a thread's scratch. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { TILE_ROWS, TILE_VECTORS } from './contraction-tile.js';
import { TILE_INPUTS, TILE_OUTPUTS, TILE_POINTS } from './winograd-transforms.js';

/** Bytes of the transformed inputs of a unit: most of a second-level cache. */
const INPUT_BYTES = 512 * 1024;
/** Panels of tiles of a unit, at the most. */
const MOST_PANELS = 12;
/** What going through all filters costs a unit, in panels. */
const UNIT_PANELS = 0.4;
/** Tiles of output channels whose products wait for their way back: their bytes should stay in the second-level cache. */
const OUTPUT_BYTES = 256 * 1024;

export interface WinogradPlan {
  /** Tiles down and across an image. */
  readonly down: number;
  readonly across: number;
  /** Images, and rows of tiles, of a unit; several images only with all their rows. */
  readonly images: number;
  readonly rows: number;
  readonly imageBlocks: number;
  readonly rowBlocks: number;
  /** Panels of a full unit. */
  readonly panels: number;
  /** Panels of all units together. */
  readonly totalPanels: number;
  /** Output channels that are computed together, a multiple of a tile's rows. */
  readonly channels: number;
}

export function planWinograd(kernel: WinogradKernel, lanes: number): WinogradPlan {
  const width = TILE_VECTORS * lanes;
  const down = Math.ceil(kernel.y.extent / TILE_OUTPUTS);
  const across = Math.ceil(kernel.x.extent / TILE_OUTPUTS);
  const count = kernel.image.extent;
  const most = Math.max(
    1,
    Math.min(MOST_PANELS, Math.floor(INPUT_BYTES / (TILE_POINTS * kernel.channel.extent * width * 4))),
  );
  let best: { images: number; rows: number; panels: number; total: number; cost: number } | undefined;
  const consider = (images: number, rows: number): void => {
    const panelsOf = (n: number, r: number): number => Math.ceil((n * r * across) / width);
    const panels = panelsOf(images, rows);
    if (panels > most && best !== undefined) return;
    const blocks = Math.ceil(count / images);
    const bands = Math.ceil(down / rows);
    const total =
      images === 1
        ? count * ((bands - 1) * panels + panelsOf(1, down - (bands - 1) * rows))
        : (blocks - 1) * panels + panelsOf(count - (blocks - 1) * images, rows);
    const units = blocks * bands;
    // At the end, threads wait for the last unit.
    const cost = (total + units * UNIT_PANELS) * (1 + 1 / (2 * units));
    if (best === undefined || cost < best.cost) best = { images, rows, panels, total, cost };
  };
  for (let rows = 1; rows <= down; rows++) consider(1, rows);
  for (let images = 2; images <= Math.min(count, most * width); images++) consider(images, down);
  const { images, rows, panels, total } = best ?? { images: 1, rows: 1, panels: 1, total: 1 };
  const tiles = Math.ceil(kernel.outChannel.extent / TILE_ROWS);
  const tileBytes = TILE_POINTS * panels * TILE_ROWS * width * 4;
  const together = Math.max(1, Math.min(tiles, Math.floor(OUTPUT_BYTES / tileBytes)));
  const parts = Math.ceil(tiles / together);
  return {
    down,
    across,
    images,
    rows,
    imageBlocks: Math.ceil(count / images),
    rowBlocks: Math.ceil(down / rows),
    panels,
    totalPanels: total,
    channels: Math.ceil(tiles / parts) * TILE_ROWS,
  };
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
  readonly lineImage: number;
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
  readonly sumImage: number;
  /** Finished rows of one output channel. */
  readonly finished: number;
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
  const { images, rows, across, panels } = plan;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += aligned(bytes);
    return at;
  };
  const paddedRow = Math.ceil((TILE_OUTPUTS * across + 2) / lanes) * lanes * 4;
  const paddedRows = TILE_OUTPUTS * rows + 2;
  const lineImage = rows * TILE_INPUTS * paddedRow;
  const sumRow = TILE_OUTPUTS * across * 4;
  const sumImage = rows * TILE_INPUTS * sumRow;
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
    lines: place(images * lineImage),
    lineImage,
    sums: place(images * sumImage + TILE_INPUTS * sumRow),
    sumRow,
    sumImage,
    finished: place((rows * TILE_OUTPUTS * kernel.x.extent + lanes) * 4),
    inputs: place(TILE_POINTS * inputPoint),
    inputPoint,
    inputPanel,
    products: place(TILE_POINTS * productPoint),
    productPoint,
    productPanel,
    bytes: end,
  };
}
