import { ArgumentError } from '../core/errors.js';
import type { KernelKind, Profile } from '../tensor/inspect.js';
import { percent } from './history-chart.js';
import { CHARACTER, inUnit, KINDS, PANEL, PANEL_STYLE, speed, unitFor, type Unit } from './profile-labels.js';
import { linesPanel } from './profile-lines.js';
import { timelinePanel } from './profile-timeline.js';
import { newCanvas, page, type Canvas } from './svg.js';

export interface ProfileChartOptions {
  /** `Profile` when left out. */
  readonly title?: string;
}

/** Room for title and subtitle. */
const TOP = 62;
const LEGEND_HEIGHT = 26;
const GAP = 12;

/**
 * A profile as an SVG document: when which thread ran which kernel, and below it the kernels by the time that they took. The dark part of a
 * kernel's line is the time that it would take at the machine's ceiling. Bars and lines tell more about themselves when pointed at.
 *
 * @throws ArgumentError if the profile has no kernels.
 * @example
 * ```ts
 * import { plot } from 'tensorloom';
 *
 * const double = compile((x: Tensor) => x.mul(2));
 * const profile = await inspect(double, tensor([1, 2, 3])).profile();
 * const svg = await plot.profileChart(profile, { title: 'Twice as much' });
 * svg.startsWith('<svg'); // => true
 * ```
 */
export async function profileChart(profile: Profile, options: ProfileChartOptions = {}): Promise<string> {
  if (profile.kernels.length === 0)
    throw new ArgumentError('profileChart: the profile has no kernels', 'profile something that computes');
  const { title = 'Profile' } = options;
  const unit = unitFor(profile.milliseconds);
  const canvas = await newCanvas();
  const legend = legendPanel(canvas, profile);
  const timeline = timelinePanel(canvas, profile, unit);
  const lines = linesPanel(canvas, profile, unit);
  const timelineTop = TOP + LEGEND_HEIGHT;
  const linesTop = timelineTop + timeline.height + GAP;
  return page({
    width: PANEL.width,
    height: linesTop + lines.height + GAP,
    title,
    subtitle: summary(profile, unit),
    panels: [
      { svg: legend, x: 0, y: TOP },
      { svg: timeline.svg, x: 0, y: timelineTop },
      { svg: lines.svg, x: 0, y: linesTop },
    ],
  });
}

function summary(profile: Profile, unit: Unit): string {
  const { kernels, threads, target, milliseconds, idleMilliseconds, ceilings, lostSpans } = profile;
  const flops = kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
  const least = kernels.reduce((sum, { ceilingMilliseconds }) => sum + ceilingMilliseconds, 0);
  return [
    `${inUnit(milliseconds, unit)} on ${threads} ${threads === 1 ? 'thread' : 'threads'} (${target})`,
    `${kernels.length} ${kernels.length === 1 ? 'kernel' : 'kernels'}`,
    `${speed(flops / milliseconds / 1e6)} GFLOP/s`,
    `${inUnit(least, unit)} if every kernel were at its ceiling`,
    `${percent(idleMilliseconds / milliseconds, 1)} without a kernel`,
    `ceilings: ${speed(ceilings.gigaflopsPerSecond)} GFLOP/s, ${memorySpeeds(ceilings)} GB/s`,
    ...(lostSpans > 0 ? [`${lostSpans} bars are missing`] : []),
  ].join('  ·  ');
}

/** From main memory to the first cache. */
function memorySpeeds({ memory }: Profile['ceilings']): string {
  const [fastest, slowest] = [memory[0], memory.at(-1)].map((each) => each?.copyGigabytesPerSecond ?? 0);
  return `${speed(slowest ?? 0)} to ${speed(fastest ?? 0)}`;
}

function legendPanel({ Plot, document }: Canvas, { kernels }: Profile): Element {
  const present = new Set(kernels.map(({ kind }) => kind));
  let x = 26;
  const entries = Object.entries(KINDS).flatMap(([kind, { color, label }]) => {
    if (!present.has(kind as KernelKind)) return [];
    const entry = { x, color, label };
    x += 34 + label.length * CHARACTER;
    return [entry];
  });
  return Plot.plot({
    document,
    width: PANEL.width,
    height: LEGEND_HEIGHT,
    margin: 0,
    style: PANEL_STYLE,
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    marks: [
      Plot.dot(entries, { x: 'x', y: 12, r: 5, symbol: 'square', fill: 'color' }),
      Plot.text(entries, { x: 'x', y: 12, text: 'label', dx: 12, textAnchor: 'start' }),
    ],
  });
}
