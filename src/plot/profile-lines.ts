import type { KernelProfile, Profile } from '../tensor/inspect.js';
import { percent } from './history-chart.js';
import {
  CHARACTER,
  colorOf,
  fitting,
  heading,
  inUnit,
  kernelTitle,
  PANEL,
  PANEL_STYLE,
  shortName,
  speed,
  type Unit,
} from './profile-labels.js';
import { STYLE, type Canvas } from './svg.js';

/** Kernels with a line of their own; the others share one. */
const MOST_LINES = 16;
const LINE_HEIGHT = 24;
const LEFT = 190;
/** What stands to the right of the longest line. */
const NOTE_WIDTH = 310;

/** A kernel's line in the lower panel, or that of several, or of none. */
interface Line {
  readonly label: string;
  readonly color: string;
  readonly milliseconds: number;
  readonly ceilingMilliseconds: number;
  readonly note: string;
  readonly title: string;
}

/** A line for each of the dearest kernels; its dark part is the time at the machine's ceiling. */
export function linesPanel(
  { Plot, document }: Canvas,
  profile: Profile,
  unit: Unit,
): { readonly svg: Element; readonly height: number } {
  const lines = linesOf(profile, unit);
  const { top, bottom } = PANEL;
  const height = top + LINE_HEIGHT * lines.length + bottom;
  const longest = Math.max(...lines.map(({ milliseconds }) => milliseconds));
  const inUnits = (milliseconds: number): number => milliseconds * unit.perMillisecond;
  const svg = Plot.plot({
    document,
    width: PANEL.width,
    height,
    marginTop: top,
    marginRight: NOTE_WIDTH,
    marginBottom: bottom,
    marginLeft: LEFT,
    style: PANEL_STYLE,
    x: {
      domain: [0, inUnits(longest)],
      label: `${unit.name}  (dark: at the machine's ceiling)`,
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
    },
    y: { domain: lines.map(({ label }) => label), label: null, tickSize: 0, padding: 0.25 },
    marks: [
      heading(Plot, 'kernels by the time they took', LEFT, top),
      Plot.barX(lines, {
        x: (line: Line) => inUnits(line.milliseconds),
        y: 'label',
        fill: 'color',
        fillOpacity: 0.35,
        title: 'title',
      }),
      Plot.barX(lines, {
        x: (line: Line) => inUnits(Math.min(line.ceilingMilliseconds, line.milliseconds)),
        y: 'label',
        fill: 'color',
        title: 'title',
      }),
      Plot.text(lines, {
        x: (line: Line) => inUnits(line.milliseconds),
        y: 'label',
        text: 'note',
        textAnchor: 'start',
        dx: 6,
        fontSize: 11,
      }),
    ],
  });
  return { svg, height };
}

function linesOf(profile: Profile, unit: Unit): Line[] {
  const { kernels, milliseconds: total, idleMilliseconds } = profile;
  const byTime = kernels
    .map((kernel, number) => ({ kernel, number }))
    .sort((a, b) => b.kernel.milliseconds - a.kernel.milliseconds);
  const lines = byTime.slice(0, MOST_LINES).map(({ kernel, number }): Line => {
    const { milliseconds, share, gigaflopsPerSecond, gigabytesPerSecond, limit, ofCeiling } = kernel;
    const rate =
      limit === 'arithmetic' ? `${speed(gigaflopsPerSecond)} GFLOP/s` : `${speed(gigabytesPerSecond)} GB/s`;
    return {
      label: fitting(`${number} ${shortName(kernel)}`, String(number), (LEFT - 12) / CHARACTER),
      color: colorOf(kernel),
      milliseconds,
      ceilingMilliseconds: kernel.ceilingMilliseconds,
      note: `${inUnit(milliseconds, unit)} (${percent(share, 1)}), ${rate}, ${percent(ofCeiling, 0)} of ceiling`,
      title: kernelTitle(kernel, number, unit),
    };
  });
  const others = byTime.slice(MOST_LINES).map(({ kernel }) => kernel);
  const sum = (part: (kernel: KernelProfile) => number): number =>
    others.reduce((total_, kernel) => total_ + part(kernel), 0);
  const rest = (label: string, milliseconds: number, ceilingMilliseconds: number): Line => ({
    label,
    color: STYLE.quiet,
    milliseconds,
    ceilingMilliseconds,
    note: `${inUnit(milliseconds, unit)} (${percent(milliseconds / total, 1)})`,
    title: label,
  });
  if (others.length > 0)
    lines.push(
      rest(
        `${others.length} others`,
        sum(({ milliseconds }) => milliseconds),
        sum(({ ceilingMilliseconds }) => ceilingMilliseconds),
      ),
    );
  return [...lines, rest('no kernel', idleMilliseconds, 0)];
}
