import type { Markish, ScaleOptions } from '@observablehq/plot';
import { ArgumentError } from '../core/errors.js';
import type { EpochRecord } from '../train/history.js';
import { newCanvas, page, STYLE, type Canvas } from './svg.js';

export interface HistoryChartOptions {
  /** `Training history` when left out. */
  readonly title?: string;
}

const WIDTH = 440;
const HEIGHT = 300;
const MARGIN = { top: 34, right: 86, bottom: 44, left: 56 };
const LABEL_HEIGHT = 15;

interface Point {
  readonly epoch: number;
  readonly value: number;
}

interface Line {
  readonly name: 'training' | 'validation';
  readonly points: readonly Point[];
}

/**
 * Loss and accuracy over the epochs, for training and validation data, as an SVG document. The accuracy has a panel if it was
 * measured.
 *
 * @throws ArgumentError if there is no epoch to draw.
 * @example
 * ```ts
 * import { plot } from 'tensorloom';
 *
 * const svg = await plot.historyChart([
 *   { epoch: 1, loss: 0.9, accuracy: 0.7, seconds: 1, samplesPerSecond: 100, lr: 0.1 },
 *   { epoch: 2, loss: 0.5, accuracy: 0.9, seconds: 1, samplesPerSecond: 100, lr: 0.1 },
 * ]);
 * svg.startsWith('<svg'); // => true
 * ```
 */
export async function historyChart(
  epochs: readonly EpochRecord[],
  options: HistoryChartOptions = {},
): Promise<string> {
  const last = epochs.at(-1);
  if (last === undefined)
    throw new ArgumentError('historyChart: there is no epoch to draw', 'train for at least one epoch');
  const { title = 'Training history' } = options;
  const canvas = await newCanvas();
  const loss = panel(canvas, 'loss', linesOf(epochs, 'loss', 'valLoss'), false);
  const accuracies = linesOf(epochs, 'accuracy', 'valAccuracy');
  const panels = [{ svg: loss, x: 0, y: 62 }];
  if (accuracies.length > 0)
    panels.push({ svg: panel(canvas, 'accuracy', accuracies, true), x: WIDTH, y: 62 });
  return page({
    width: WIDTH * panels.length,
    height: 62 + HEIGHT,
    title,
    subtitle: summary(epochs.length, last),
    panels,
  });
}

function linesOf(epochs: readonly EpochRecord[], training: string, validation: string): Line[] {
  const line = (name: Line['name'], key: string): Line => ({
    name,
    points: epochs.flatMap((record) => {
      const value = record[key];
      return value !== undefined && Number.isFinite(value) ? [{ epoch: record.epoch, value }] : [];
    }),
  });
  return [line('training', training), line('validation', validation)].filter(
    ({ points }) => points.length > 0,
  );
}

function summary(count: number, last: EpochRecord): string {
  const parts = [`${count} ${count === 1 ? 'epoch' : 'epochs'}`, `final loss ${last.loss.toFixed(4)}`];
  if (last.valLoss !== undefined) parts.push(`validation loss ${last.valLoss.toFixed(4)}`);
  const accuracy = last.valAccuracy ?? last.accuracy;
  if (accuracy !== undefined)
    parts.push(`${last.valAccuracy === undefined ? '' : 'validation '}accuracy ${percent(accuracy, 2)}`);
  return parts.join('  ·  ');
}

function panel({ Plot, document }: Canvas, label: string, lines: readonly Line[], isShare: boolean): Element {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const epochs = lines.flatMap(({ points }) => points.map(({ epoch }) => epoch));
  const [low, high] = paddedRange(values, isShare);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const x: ScaleOptions = {
    // A single epoch is drawn in the middle.
    domain: first === last ? [first - 1, last + 1] : [first, last],
    label: 'epoch',
    labelAnchor: 'center',
    labelArrow: 'none',
    ticks: wholeTicks(first, last),
    tickFormat: (n: number) => String(n),
  };
  const y: ScaleOptions = {
    domain: [low, high],
    label: null,
    ticks: 5,
    grid: true,
    ...(isShare ? { tickFormat: (n: number) => percent(n, high - low < 0.05 ? 1 : 0) } : {}),
  };
  const showDots = last - first < 30;
  const chart = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    style: { fontFamily: STYLE.font, fontSize: '12px', color: STYLE.ink, background: 'none' },
    x,
    y,
    marks: [
      Plot.text([label], {
        frameAnchor: 'top-left',
        dx: 20 - MARGIN.left,
        dy: -MARGIN.top + 4,
        text: (text: string) => text,
        fontWeight: 'bold',
        fontSize: 13,
      }),
      ...lines.flatMap(({ name, points }) => {
        const data = [...points];
        const line = Plot.line(data, { x: 'epoch', y: 'value', stroke: STYLE[name], strokeWidth: 2 });
        const dots = Plot.dot(data, { x: 'epoch', y: 'value', fill: STYLE[name], r: 2.8 });
        return showDots ? [line, dots] : [line];
      }),
      ...endLabels(Plot, lines, low, high),
    ],
  });
  return chart;
}

/** Each line's name at its end, moved apart where the lines end close together. */
function endLabels(Plot: Canvas['Plot'], lines: readonly Line[], low: number, high: number): Markish[] {
  const pixels = HEIGHT - MARGIN.top - MARGIN.bottom;
  const ends = lines
    .flatMap(({ name, points }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ name, end, at: ((high - end.value) / (high - low)) * pixels }];
    })
    .sort((a, b) => a.at - b.at);
  const [upper, lower] = ends;
  const overlap = upper && lower ? Math.max(0, LABEL_HEIGHT - (lower.at - upper.at)) : 0;
  return ends.map(({ name, end }, i) =>
    Plot.text([end], {
      x: 'epoch',
      y: 'value',
      text: () => name,
      fill: STYLE[name],
      fontWeight: 'bold',
      textAnchor: 'start',
      dx: 9,
      dy: (i === 0 ? -1 : 1) * (overlap / 2),
    }),
  );
}

/** The range of the values with some air; shares stay within 0 and 1, losses above 0 where they were. */
function paddedRange(values: readonly number[], isShare: boolean): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = low === high ? Math.max(Math.abs(low) * 0.1, 0.01) : (high - low) * 0.08;
  const bottom = low >= 0 ? Math.max(0, low - air) : low - air;
  return [bottom, isShare ? Math.min(1, high + air) : high + air];
}

/** At most nine whole numbers from `first` to `last`, in steps of 1, 2, 5, 10, 20, 50, … */
function wholeTicks(first: number, last: number): number[] {
  const decade = 10 ** Math.floor(Math.log10(Math.max(1, (last - first) / 8)));
  const step = [1, 2, 5, 10].map((n) => n * decade).find((n) => (last - first) / n <= 8) ?? decade;
  const ticks: number[] = [];
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) ticks.push(at);
  return ticks;
}

/** 0.9812 as `98.1%`. */
export function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)}%`;
}
