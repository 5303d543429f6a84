/** Words, numbers and colours of a profile's picture. */
import type { KernelKind, KernelProfile } from '../tensor/inspect.js';
import { percent } from './history-chart.js';
import { STYLE, type Canvas } from './svg.js';

/** Pixels that a character takes, in labels of bars and elsewhere. */
export const SMALL_CHARACTER = 7.1;
export const CHARACTER = 7.4;

/** The frame of a panel. */
export const PANEL = { width: 1120, top: 30, bottom: 40, right: 24 } as const;

export const PANEL_STYLE = {
  fontFamily: STYLE.font,
  fontSize: '12px',
  color: STYLE.ink,
  background: 'none',
} as const;

export const KINDS: Readonly<Record<KernelKind, { readonly color: string; readonly label: string }>> = {
  contraction: { color: '#2563eb', label: 'matrix product, convolution' },
  winograd: { color: '#7c3aed', label: 'convolution by Winograd' },
  map: { color: '#0d9488', label: 'element by element' },
  reduction: { color: '#d97706', label: 'reduction' },
  scatter: { color: '#db2777', label: 'scatter' },
  cumulative: { color: '#0369a1', label: 'running sum' },
  sort: { color: '#64748b', label: 'sort' },
};

/** How times are written: in the unit that suits the whole run. */
export interface Unit {
  readonly name: 'ms' | 'µs';
  readonly perMillisecond: number;
}

export const unitFor = (milliseconds: number): Unit =>
  milliseconds < 1 ? { name: 'µs', perMillisecond: 1000 } : { name: 'ms', perMillisecond: 1 };

export function heading(
  Plot: Canvas['Plot'],
  text: string,
  marginLeft: number,
  marginTop: number,
): ReturnType<Canvas['Plot']['text']> {
  return Plot.text([text], {
    frameAnchor: 'top-left',
    dx: 20 - marginLeft,
    dy: 4 - marginTop,
    text: (each: string) => each,
    fontWeight: 'bold',
    fontSize: 13,
  });
}

export const colorOf = (kernel: KernelProfile | undefined): string =>
  kernel === undefined ? STYLE.quiet : KINDS[kernel.kind].color;

/** A kernel's name with what it begins with and ends with, where it is long. */
export function shortName(kernel: KernelProfile | undefined): string {
  const parts = kernel?.name.split('+') ?? [];
  const [first = ''] = parts;
  return parts.length <= 3 ? parts.join('+') : `${first}+…+${parts.at(-1) ?? ''}`;
}

/** The text if it has room for so many characters, or as much of it as has, or else `short`. */
export function fitting(text: string, short: string, characters: number): string {
  const room = Math.floor(characters - 0.5);
  if (text.length > room && room >= short.length + 4) return `${text.slice(0, room - 1)}…`;
  return wholly(text, characters) || wholly(short, characters);
}

/** The text if there is room for it, or nothing. */
export const wholly = (text: string, characters: number): string =>
  text.length <= characters - 0.5 ? text : '';

/** Three significant digits. */
export const speed = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function inUnit(milliseconds: number, { name, perMillisecond }: Unit): string {
  const value = milliseconds * perMillisecond;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${name}`;
}

export function kernelTitle(kernel: KernelProfile, number: number, unit: Unit): string {
  const { flops, executedFlops, bytesRead, bytesWritten, gigaflopsPerSecond, gigabytesPerSecond, runs } =
    kernel;
  const carriedOut =
    executedFlops === flops ? '' : `, of which ${amount(executedFlops, 'FLOP')} are carried out`;
  return [
    `${number} ${kernel.name}${runs === 1 ? '' : `, ${runs} times`}: ${inUnit(kernel.milliseconds, unit)}, ${percent(kernel.share, 1)} of the run`,
    `${amount(flops, 'FLOP')}${carriedOut}: ${speed(gigaflopsPerSecond)} GFLOP/s`,
    `${amount(bytesRead, 'B')} read, ${amount(bytesWritten, 'B')} written: ${speed(gigabytesPerSecond)} GB/s`,
    `${percent(kernel.ofCeiling, 0)} of its ceiling, which is ${kernel.limit === 'memory' ? "the memory's" : "the arithmetic's"}`,
    shortened(kernel.text),
  ].join('\n');
}

/** `1.23 MB`. */
function amount(value: number, unit: string): string {
  const thousands = value < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** thousands;
  return `${thousands === 0 ? scaled.toFixed(0) : scaled.toPrecision(3)} ${['', 'k', 'M', 'G'][thousands] ?? ''}${unit}`;
}

/** Expressions of fused kernels may be pages long. */
function shortened(text: string): string {
  const lines = text.split('\n');
  const kept = lines.slice(0, 6).map((line) => (line.length > 120 ? `${line.slice(0, 119)}…` : line));
  return [...kept, ...(lines.length > 6 ? ['…'] : [])].join('\n');
}
