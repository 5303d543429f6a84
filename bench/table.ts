/** The results as a table for people. */
import { all, judge } from './bars.js';
import { bestShareOfLimit, ratioTo, shareOfLimit, type Result } from './result.js';

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

const percent = (share: number | undefined): string =>
  share === undefined ? '' : `${(100 * share).toFixed(0)}%`;

/**
 * Lines of aligned columns: ours, what the machine allows, whether the row's bars are met, and each peer's time with how much faster we
 * are. Medians; what comes from the best times is in brackets. Peers without a figure have no column.
 */
export function formatTable(results: readonly Result[], peers: readonly string[]): string {
  const shown = peers.filter((peer) => results.some((result) => result.peers.has(peer)));
  const header = [
    'row',
    'target',
    'threads',
    'ours ms',
    '(min)',
    'limit',
    'of limit',
    '(best)',
    'bars',
    ...shown.flatMap((peer) => [peer, 'ratio']),
  ];
  const lines = results.map((result) => {
    const { ours, limit, unit } = result;
    const best = percent(bestShareOfLimit(result));
    return [
      result.name,
      result.target,
      String(result.threads),
      ours === undefined ? 'failed' : amount(ours.median, unit),
      ours === undefined ? '' : `(${amount(ours.min, unit)})`,
      limit === undefined ? '' : amount(limit.median, unit),
      percent(shareOfLimit(result)),
      best === '' ? '' : `(${best})`,
      verdict(result),
      ...shown.flatMap((peer) => cells(result, peer)),
    ];
  });
  return [...align([header, ...lines]), ...footnotes(results)].join('\n');
}

/** One word: `?` says that whoever a bar depends on was not measured. */
function verdict(result: Result): string {
  if (result.bars.length === 0) return '';
  if (result.ours === undefined) return 'FAILED';
  const met = all(result.bars.map((bar) => judge(bar, result).met));
  return met === undefined ? '?' : met ? 'met' : 'BELOW';
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

/** Which bars are not met, why a figure is missing, and what there is to say about the others. */
function footnotes(results: readonly Result[]): string[] {
  const below = results.flatMap((result) =>
    result.bars
      .map((bar) => judge(bar, result))
      .filter(({ met }) => met === false)
      .map(
        ({ bar, figure }) =>
          `below its bar: ${result.name} on ${result.target} must reach ${bar}; it has ${figure}`,
      ),
  );
  // A demand is no limit of the machine; the row's note says what it is.
  const limited = results.filter(({ work, limit }) => work !== undefined && limit !== undefined);
  const limits = [...new Set(limited.map(({ limit }) => limit?.bound ?? ''))].map((bound) => {
    const names = limited.filter(({ limit }) => limit?.bound === bound);
    return `limit by ${bound}: ${names.map(({ name, target }) => `${name} (${target})`).join(', ')}`;
  });
  const notes = results.flatMap((result) => [
    ...(result.failure === undefined ? [] : [`${result.name} on ${result.target}: ${result.failure}`]),
    ...(result.note === '' ? [] : [`${result.name}: ${result.note}`]),
    ...[...result.peers].flatMap(([peer, outcome]) =>
      typeof outcome === 'string' ? [`${result.name}, ${peer}: ${outcome}`] : [],
    ),
  ]);
  return [below, limits, [...new Set(notes)]].flatMap((part) => (part.length === 0 ? [] : ['', ...part]));
}
