import { ArgumentError, ShapeError } from '../core/errors.js';
import { percent } from './history-chart.js';
import { newCanvas, page, STYLE } from './svg.js';

export interface ConfusionChartOptions {
  /** `Confusion matrix` when left out. */
  readonly title?: string;
}

/** The side of one class's cell, in pixels, unless there are so few or so many that the grid would be too small or large. */
const CELL = 48;
const SMALLEST_GRID = 240;
const LARGEST_GRID = 900;

interface Cell {
  readonly actual: string;
  readonly predicted: string;
  readonly count: number;
  /** Of all samples of the actual class. */
  readonly share: number;
  readonly right: boolean;
}

/**
 * A confusion matrix as an SVG document: a row for each actual class, a column for each predicted one. Blue is right, orange
 * wrong, and darker is a larger share of the row.
 *
 * @param matrix `matrix[actual][predicted]` samples.
 * @param classes names in the order of the labels.
 * @throws ShapeError unless the matrix is square with a row for each class.
 * @example
 * ```ts
 * import { plot } from 'tensorloom';
 *
 * const svg = await plot.confusionChart([[9, 1], [2, 8]], ['cat', 'dog']);
 * svg.includes('85.0%'); // => true
 * ```
 */
export async function confusionChart(
  matrix: readonly (readonly number[])[],
  classes: readonly string[],
  options: ConfusionChartOptions = {},
): Promise<string> {
  const n = classes.length;
  if (n === 0) throw new ArgumentError('confusionChart: there are no classes');
  if (matrix.length !== n || matrix.some((row) => row.length !== n))
    throw new ShapeError(
      `confusionChart: ${n} classes need a matrix of ${n} rows of ${n}, got ${matrix.length} rows of ${matrix[0]?.length ?? 0}`,
    );
  const { title = 'Confusion matrix' } = options;
  const names = distinct(classes);
  const cells = cellsOf(matrix, names);
  const total = cells.reduce((sum, { count }) => sum + count, 0);
  const right = cells.reduce((sum, cell) => sum + (cell.right ? cell.count : 0), 0);

  const cell = Math.max(SMALLEST_GRID / n, Math.min(CELL, LARGEST_GRID / n));
  const longest = Math.max(...names.map((name) => name.length));
  // Short names stand level below their column, long ones are turned.
  const turned = longest * 7 > cell;
  const left = 46 + Math.ceil(longest * 7.2);
  const bottom = turned ? 40 + Math.ceil(longest * 7.2) : 52;
  const width = left + cell * n + 24;
  const height = 12 + cell * n + bottom;
  const { Plot, document } = await newCanvas();
  const svg = Plot.plot({
    document,
    width,
    height,
    marginTop: 12,
    marginRight: 24,
    marginBottom: bottom,
    marginLeft: left,
    padding: 0,
    style: { fontFamily: STYLE.font, fontSize: '12px', color: STYLE.ink, background: 'none' },
    x: { domain: names, label: null, tickSize: 0, ...(turned ? { tickRotate: -90 } : {}) },
    y: { domain: names, label: null, tickSize: 0 },
    marks: [
      Plot.cell(cells, { x: 'predicted', y: 'actual', fill: colorOf, inset: 0.5 }),
      ...(cell >= 24
        ? [
            Plot.text(
              cells.filter(({ count }) => count > 0),
              {
                x: 'predicted',
                y: 'actual',
                text: (each: Cell) =>
                  each.count.toLocaleString('en-US', { useGrouping: each.count >= 10_000 }),
                fill: (each: Cell) => (depth(each) > 0.45 ? '#ffffff' : STYLE.ink),
                fontSize: cell >= 40 ? 12 : 9,
              },
            ),
          ]
        : []),
      Plot.text(['predicted class'], {
        frameAnchor: 'bottom',
        dy: bottom - 14,
        text: (text: string) => text,
        fontWeight: 'bold',
        lineAnchor: 'bottom',
      }),
      Plot.text(['actual class'], {
        frameAnchor: 'left',
        dx: 16 - left,
        rotate: -90,
        text: (text: string) => text,
        fontWeight: 'bold',
      }),
    ],
  });
  const share =
    total === 0
      ? 'no samples'
      : `${right.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} right (${percent(right / total, 1)})`;
  return page({
    width: Math.max(width, 420),
    height: 62 + height,
    title,
    subtitle: `${share}  ·  blue: right, orange: wrong`,
    panels: [{ svg, x: 0, y: 62 }],
  });
}

function cellsOf(matrix: readonly (readonly number[])[], names: readonly string[]): Cell[] {
  return matrix.flatMap((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, j) => ({
      actual: names[i] ?? '',
      predicted: names[j] ?? '',
      count,
      share: total === 0 ? 0 : count / total,
      right: i === j,
    }));
  });
}

/** Two classes of one name must not share a row. */
function distinct(names: readonly string[]): string[] {
  return names.map((name, i) => (names.indexOf(name) === i ? name : `${name} (${i})`));
}

/** How dark a cell is, from 0 to 1. Mistakes are rare, and a straight scale would not show them. */
function depth({ share, right }: Cell): number {
  return right ? share : Math.sqrt(share);
}

function colorOf(cell: Cell): string {
  if (cell.count === 0) return '#f6f7f9';
  const [from, to] = cell.right
    ? ([
        [226, 236, 254],
        [30, 64, 175],
      ] as const)
    : ([
        [255, 243, 230],
        [194, 65, 12],
      ] as const);
  const channel = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * depth(cell));
  return `rgb(${channel(0)}, ${channel(1)}, ${channel(2)})`;
}
