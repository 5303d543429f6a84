import { formatTable } from './format.js';

/**
 * A confusion matrix as text: a row for each true class, a column for each predicted one, and the share of each class
 * that was found. Columns carry the number of the class where its name is long.
 *
 * @param counts `counts[truth][prediction]`.
 */
export function confusionTable(counts: readonly (readonly number[])[], classes: readonly string[]): string {
  const short = classes.every((name) => name.length <= 4);
  const numbered = classes.map((name, i) => (short ? name : `${i} ${name}`));
  const header = ['actual \\ predicted', ...classes.map((name, i) => (short ? name : String(i))), 'found'];
  const rows = counts.map((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const found = total === 0 ? '-' : `${((100 * (row[truth] ?? 0)) / total).toFixed(1)}%`;
    return [
      numbered[truth] ?? String(truth),
      ...row.map((count) => (count === 0 ? '.' : String(count))),
      found,
    ];
  });
  return formatTable([header, ...rows]);
}
