/** The results as a table for people. */
import { ratioTo, type Result } from './result.js';

const number = (value: number): string =>
  value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3);

const amount = (value: number, unit: Result['unit']): string =>
  unit === 'ms' ? number(value) : `${number(value / 2 ** 20)} MiB`;

/** Lines of aligned columns: ours, what the machine allows, and each peer's time with how much faster we are. */
export function formatTable(results: readonly Result[], peers: readonly string[]): string {
  const header = [
    'row',
    'target',
    'threads',
    'ours ms',
    '(min)',
    'limit',
    'of limit',
    ...peers.flatMap((peer) => [peer, 'ratio']),
  ];
  const lines = results.map((result) => {
    const { ours, limit, unit } = result;
    return [
      result.name,
      result.target,
      String(result.threads),
      ours === undefined ? 'failed' : amount(ours.median, unit),
      ours === undefined ? '' : `(${amount(ours.min, unit)})`,
      limit === undefined ? '' : amount(limit, unit),
      limit === undefined || ours === undefined ? '' : `${((100 * limit) / ours.median).toFixed(0)}%`,
      ...peers.flatMap((peer) => cells(result, peer)),
    ];
  });
  return [...align([header, ...lines]), ...footnotes(results)].join('\n');
}

function cells(result: Result, peer: string): [string, string] {
  const theirs = result.peers.get(peer);
  if (theirs === undefined) return ['', ''];
  if (typeof theirs === 'string') return ['cannot', ''];
  const ratio = ratioTo(result, peer);
  return [number(theirs.median), ratio === undefined ? '' : `${ratio.toFixed(2)}x`];
}

function align(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  return table.map((line) =>
    line
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** Why a figure is missing, and what there is to say about the others. */
function footnotes(results: readonly Result[]): string[] {
  const notes = results.flatMap((result) => [
    ...(result.failure === undefined ? [] : [`${result.name}: ${result.failure}`]),
    ...(result.note === '' ? [] : [`${result.name}: ${result.note}`]),
    ...[...result.peers].flatMap(([peer, outcome]) =>
      typeof outcome === 'string' ? [`${result.name}, ${peer}: ${outcome}`] : [],
    ),
  ]);
  return notes.length === 0 ? [] : ['', ...new Set(notes)];
}
