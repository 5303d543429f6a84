/** The matrix products inside Winograd's kernels: columns in panels as wide as a tile of the matrix kernel, the last one as wide as need be. */
import type { Func } from './ir.js';
import type { Machine } from './machine.js';
import { tileFunction } from './contraction-tile.js';

/** Panels of one width. */
export interface Panels {
  /** The first column, and how many panels there are. */
  readonly begin: number;
  readonly count: number;
  readonly vectors: number;
  /** Columns of a panel, and rows of its tiles. */
  readonly width: number;
  readonly rows: number;
}

/** Rows of a tile of few vectors: registers for elements of rows are enough, but each row takes a load, too. */
const MOST_ROWS = 12;

export function panelsOf(columns: number, machine: Machine): Panels[] {
  const { lanes, tile } = machine;
  const vectors = Math.ceil(columns / lanes);
  const count = Math.floor(vectors / tile.vectors);
  const rest = vectors % tile.vectors;
  const panels = (begin: number, number: number, each: number): Panels[] =>
    number === 0
      ? []
      : [
          {
            begin,
            count: number,
            vectors: each,
            width: each * lanes,
            rows: Math.min(MOST_ROWS, Math.floor((tile.rows * tile.vectors) / each)),
          },
        ];
  return [...panels(0, count, tile.vectors), ...panels(count * tile.vectors * lanes, rest > 0 ? 1 : 0, rest)];
}

/** A tile of `rows` rows of a panel; rows lie `rowBytes` apart, and steps of k `stepBytes`. */
export const panelTile = (
  name: string,
  machine: Machine,
  { vectors }: Panels,
  first: { readonly rows: number; readonly rowBytes: number; readonly stepBytes: number },
): Func =>
  tileFunction(
    name,
    Array.from({ length: first.rows }, (_, row) => row * first.rowBytes),
    {
      // Panels no wider than the tile.
      machine: { ...machine, tile: { ...machine.tile, vectors } },
      vectors,
      steps: { kind: 'stride', bytes: first.stepBytes },
      blocked: false,
    },
  );
