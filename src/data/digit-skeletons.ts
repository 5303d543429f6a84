/**
 * The strokes of the ten digits as people write them, in a box from (0, 0) at the top left to (1, 1); several ways to
 * write each. A curve passes smoothly through its points, a line has corners.
 */
type Point = readonly [x: number, y: number];

interface Stroke {
  readonly kind: 'curve' | 'loop' | 'line';
  readonly points: readonly Point[];
}

const curve = (...points: Point[]): Stroke => ({ kind: 'curve', points });
const loop = (...points: Point[]): Stroke => ({ kind: 'loop', points });
const line = (...points: Point[]): Stroke => ({ kind: 'line', points });

const OVAL = loop(
  [0.5, 0.08],
  [0.3, 0.18],
  [0.22, 0.5],
  [0.3, 0.82],
  [0.5, 0.92],
  [0.7, 0.82],
  [0.78, 0.5],
  [0.7, 0.18],
);
const LOWER_BOWL = curve([0.42, 0.47], [0.64, 0.52], [0.74, 0.7], [0.6, 0.88], [0.4, 0.91], [0.24, 0.82]);
const FIVE_BOWL = curve(
  [0.31, 0.47],
  [0.48, 0.41],
  [0.68, 0.5],
  [0.72, 0.7],
  [0.58, 0.88],
  [0.4, 0.91],
  [0.24, 0.83],
);
const NINE_HEAD = loop(
  [0.7, 0.24],
  [0.58, 0.11],
  [0.4, 0.12],
  [0.29, 0.28],
  [0.36, 0.44],
  [0.53, 0.47],
  [0.66, 0.38],
);

const STYLES: readonly (readonly (readonly Stroke[])[])[] = [
  // 0: closed; open at the top with overlapping ends
  [
    [OVAL],
    [
      curve(
        [0.6, 0.12],
        [0.42, 0.1],
        [0.26, 0.28],
        [0.23, 0.6],
        [0.36, 0.87],
        [0.56, 0.91],
        [0.74, 0.7],
        [0.76, 0.36],
        [0.62, 0.12],
        [0.46, 0.14],
      ),
    ],
  ],
  // 1: a bare stroke (twice as common); with a flag; with flag and foot
  [
    [line([0.5, 0.08], [0.5, 0.92])],
    [curve([0.54, 0.08], [0.5, 0.5], [0.47, 0.92])],
    [line([0.32, 0.3], [0.52, 0.08], [0.52, 0.92])],
    [line([0.34, 0.28], [0.52, 0.09], [0.52, 0.91]), line([0.3, 0.91], [0.74, 0.91])],
  ],
  // 2: with a corner at the foot; with a loop at the foot; with a curved foot
  [
    [
      curve([0.25, 0.28], [0.36, 0.12], [0.56, 0.09], [0.72, 0.24], [0.66, 0.46], [0.46, 0.68], [0.24, 0.9]),
      line([0.24, 0.9], [0.78, 0.88]),
    ],
    [
      curve(
        [0.27, 0.22],
        [0.48, 0.09],
        [0.69, 0.2],
        [0.66, 0.46],
        [0.46, 0.74],
        [0.28, 0.9],
        [0.2, 0.82],
        [0.32, 0.74],
        [0.52, 0.87],
        [0.82, 0.85],
      ),
    ],
    [
      curve([0.24, 0.3], [0.38, 0.1], [0.62, 0.1], [0.73, 0.3], [0.6, 0.56], [0.36, 0.78], [0.24, 0.9]),
      curve([0.24, 0.9], [0.42, 0.84], [0.6, 0.92], [0.8, 0.85]),
    ],
  ],
  // 3: two bowls; flat top; one stroke with a small loop at the waist
  [
    [curve([0.26, 0.2], [0.42, 0.09], [0.62, 0.12], [0.68, 0.28], [0.58, 0.43], [0.42, 0.47]), LOWER_BOWL],
    [line([0.28, 0.11], [0.7, 0.1], [0.44, 0.44]), LOWER_BOWL],
    [
      curve(
        [0.26, 0.16],
        [0.5, 0.08],
        [0.7, 0.22],
        [0.6, 0.42],
        [0.42, 0.49],
        [0.46, 0.44],
        [0.66, 0.54],
        [0.74, 0.72],
        [0.56, 0.9],
        [0.24, 0.86],
      ),
    ],
  ],
  // 4: open; open with a slanted arm; closed
  [
    [line([0.3, 0.1], [0.24, 0.52], [0.78, 0.52]), line([0.68, 0.12], [0.64, 0.92])],
    [
      curve([0.28, 0.12], [0.23, 0.4], [0.34, 0.52], [0.56, 0.5], [0.74, 0.44]),
      line([0.72, 0.1], [0.62, 0.92]),
    ],
    [line([0.6, 0.08], [0.2, 0.62], [0.82, 0.62]), line([0.6, 0.08], [0.6, 0.92])],
  ],
  // 5: in one stroke; with the bar set apart and slanted; round
  [
    [line([0.72, 0.1], [0.36, 0.1], [0.31, 0.47]), FIVE_BOWL],
    [line([0.36, 0.14], [0.31, 0.47]), FIVE_BOWL, line([0.35, 0.14], [0.78, 0.07])],
    [
      curve(
        [0.74, 0.1],
        [0.5, 0.1],
        [0.34, 0.18],
        [0.32, 0.38],
        [0.5, 0.46],
        [0.68, 0.6],
        [0.66, 0.8],
        [0.48, 0.91],
        [0.25, 0.86],
      ),
    ],
  ],
  // 6: curved back; straight back
  [
    [
      curve(
        [0.66, 0.1],
        [0.44, 0.24],
        [0.29, 0.52],
        [0.3, 0.78],
        [0.48, 0.91],
        [0.68, 0.82],
        [0.7, 0.64],
        [0.54, 0.53],
        [0.36, 0.62],
        [0.3, 0.74],
      ),
    ],
    [
      curve(
        [0.42, 0.08],
        [0.32, 0.36],
        [0.28, 0.66],
        [0.38, 0.88],
        [0.58, 0.9],
        [0.7, 0.74],
        [0.6, 0.58],
        [0.42, 0.6],
        [0.3, 0.76],
      ),
    ],
  ],
  // 7: plain; with a bar; with a serif; curved
  [
    [line([0.22, 0.12], [0.76, 0.12], [0.46, 0.92])],
    [line([0.22, 0.12], [0.76, 0.12], [0.46, 0.92]), line([0.36, 0.52], [0.76, 0.5])],
    [line([0.2, 0.26], [0.23, 0.12], [0.76, 0.12], [0.48, 0.92])],
    [
      curve([0.2, 0.18], [0.36, 0.11], [0.6, 0.13], [0.78, 0.12]),
      curve([0.78, 0.12], [0.6, 0.4], [0.5, 0.64], [0.46, 0.92]),
    ],
  ],
  // 8: in one stroke; as two loops; one stroke, open at the top
  [
    [
      loop(
        [0.5, 0.08],
        [0.34, 0.14],
        [0.32, 0.3],
        [0.5, 0.46],
        [0.69, 0.62],
        [0.7, 0.8],
        [0.5, 0.92],
        [0.3, 0.8],
        [0.31, 0.62],
        [0.5, 0.46],
        [0.68, 0.3],
        [0.66, 0.14],
      ),
    ],
    [
      loop([0.5, 0.08], [0.33, 0.17], [0.35, 0.38], [0.5, 0.45], [0.65, 0.38], [0.67, 0.17]),
      loop([0.5, 0.45], [0.31, 0.56], [0.3, 0.8], [0.5, 0.92], [0.7, 0.8], [0.69, 0.56]),
    ],
    [
      curve(
        [0.7, 0.16],
        [0.5, 0.08],
        [0.33, 0.2],
        [0.42, 0.4],
        [0.62, 0.54],
        [0.7, 0.76],
        [0.5, 0.92],
        [0.31, 0.78],
        [0.4, 0.58],
        [0.58, 0.42],
        [0.74, 0.14],
      ),
    ],
  ],
  // 9: straight tail; curved tail; hooked tail
  [
    [NINE_HEAD, line([0.7, 0.22], [0.64, 0.92])],
    [NINE_HEAD, curve([0.7, 0.24], [0.7, 0.5], [0.6, 0.76], [0.44, 0.92])],
    [NINE_HEAD, curve([0.7, 0.24], [0.71, 0.52], [0.66, 0.82], [0.48, 0.92], [0.28, 0.84])],
  ],
];

/** Pieces of a curve between two of its points. */
const PIECES = 5;
/** Pieces of a straight line, which the elastic distortion bends. */
const LINE_PIECES = 4;

/** Straight pieces that approximate one way to write a digit: x0, y0, x1, y1 of each, one after the other. */
export type Skeleton = Float64Array;

/** The skeletons of each digit. */
export const SKELETONS: readonly (readonly Skeleton[])[] = STYLES.map((styles) =>
  styles.map((strokes) => Float64Array.from(strokes.flatMap(segmentsOf))),
);

function segmentsOf(stroke: Stroke): number[] {
  const path = pathOf(stroke);
  return path.slice(1).flatMap(([x, y], i) => [...(path[i] ?? [x, y]), x, y]);
}

function pathOf({ kind, points }: Stroke): Point[] {
  const count = points.length;
  const at = (i: number): Point =>
    points[kind === 'loop' ? (i + count) % count : Math.min(Math.max(i, 0), count - 1)] ?? [0, 0];
  const spans = kind === 'loop' ? count : count - 1;
  const pieces = kind === 'line' ? LINE_PIECES : PIECES;
  const path: Point[] = [at(0)];
  for (let span = 0; span < spans; span++) {
    for (let piece = 1; piece <= pieces; piece++) {
      const t = piece / pieces;
      const [before, from, to, after] = [at(span - 1), at(span), at(span + 1), at(span + 2)];
      path.push(
        kind === 'line'
          ? [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]
          : [
              catmullRom(before[0], from[0], to[0], after[0], t),
              catmullRom(before[1], from[1], to[1], after[1], t),
            ],
      );
    }
  }
  return path;
}

/** The curve from `b` to `c` whose slopes at both ends follow the neighbours `a` and `d` (Catmull and Rom 1974). */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
