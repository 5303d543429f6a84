import type { Profile } from '../tensor/inspect.js';
import {
  colorOf,
  fitting,
  heading,
  inUnit,
  kernelTitle,
  PANEL,
  PANEL_STYLE,
  shortName,
  SMALL_CHARACTER,
  wholly,
  type Unit,
} from './profile-labels.js';
import { condense, type Bar } from './profile-spans.js';
import type { Canvas } from './svg.js';

const LEFT = 84;
/** Narrower bars have no label. */
const LABELLED = 16;

/** A row for each thread, in it a bar for each time that it ran a kernel. */
export function timelinePanel(
  { Plot, document }: Canvas,
  profile: Profile,
  unit: Unit,
): { readonly svg: Element; readonly height: number } {
  const { kernels, threads, milliseconds } = profile;
  const rowHeight = threads <= 4 ? 44 : threads <= 16 ? 26 : 14;
  const { top, bottom } = PANEL;
  const height = top + rowHeight * threads + bottom;
  const pixels = PANEL.width - LEFT - PANEL.right;
  const perPixel = milliseconds / pixels;
  const bars = condense(profile.spans, perPixel).map((bar) => ({
    ...bar,
    row: threadName(bar.thread),
    from: bar.begin * unit.perMillisecond,
    to: bar.end * unit.perMillisecond,
    width: (bar.end - bar.begin) / perPixel,
  }));
  type Drawn = (typeof bars)[number];
  const labelled = bars.filter(({ width }) => width >= LABELLED);
  const twoLines = rowHeight >= 40;
  const label = (dy: number, text: (bar: Drawn) => string): ReturnType<Canvas['Plot']['text']> =>
    Plot.text(
      labelled.filter((each) => text(each) !== ''),
      {
        x: (each: Drawn) => (each.from + each.to) / 2,
        y: 'row',
        text,
        dy,
        fill: '#ffffff',
        fontSize: 10.5,
      },
    );
  const name = ({ kernel, width }: Drawn): string =>
    fitting(`${kernel} ${shortName(kernels[kernel])}`, String(kernel), width / SMALL_CHARACTER);
  const duration = ({ begin, end, width }: Drawn): string =>
    wholly(inUnit(end - begin, unit), width / SMALL_CHARACTER);
  const svg = Plot.plot({
    document,
    width: PANEL.width,
    height,
    marginTop: top,
    marginRight: PANEL.right,
    marginBottom: bottom,
    marginLeft: LEFT,
    style: PANEL_STYLE,
    x: {
      domain: [0, milliseconds * unit.perMillisecond],
      label: `${unit.name} since the run began`,
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
    },
    y: {
      domain: Array.from({ length: threads }, (_, thread) => threadName(thread)),
      label: null,
      tickSize: 0,
      padding: 0.12,
    },
    marks: [
      heading(Plot, 'when which thread ran which kernel', LEFT, top),
      Plot.barX(bars, {
        x1: 'from',
        x2: 'to',
        y: 'row',
        fill: (bar: Drawn) => colorOf(kernels[bar.kernel]),
        // Short kernels would not be seen without a border.
        stroke: (bar: Drawn) => (bar.width < 2 ? colorOf(kernels[bar.kernel]) : '#ffffff'),
        strokeWidth: 0.6,
        title: (bar: Drawn) => barTitle(bar, profile, unit),
      }),
      ...(rowHeight >= 20 ? [label(twoLines ? -7 : 0, name)] : []),
      ...(twoLines ? [label(8, duration)] : []),
    ],
  });
  return { svg, height };
}

const threadName = (thread: number): string => `thread ${thread}`;

function barTitle({ kernel, thread, begin, end, kernels }: Bar, profile: Profile, unit: Unit): string {
  const time = `${threadName(thread)}, ${inUnit(begin, unit)} to ${inUnit(end, unit)} (${inUnit(end - begin, unit)})`;
  const found = profile.kernels[kernel];
  if (kernels > 1 || found === undefined) return `${kernels} short runs of kernels\n${time}`;
  return `${time}\n${kernelTitle(found, kernel, unit)}`;
}
