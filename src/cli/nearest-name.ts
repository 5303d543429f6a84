/**
 * The name that a person most likely meant, or undefined when none is close: at most a third of the letters may differ
 * (Damerau-Levenshtein distance without repeated edits, where swapping two neighbours counts once).
 */
export function nearestName(typed: string, names: readonly string[]): string | undefined {
  const word = typed.toLowerCase();
  let nearest: string | undefined;
  let least = Infinity;
  for (const name of names) {
    const distance = editDistance(word, name.toLowerCase());
    if (distance <= Math.max(1, Math.floor(Math.max(word.length, name.length) / 3)) && distance < least) {
      nearest = name;
      least = distance;
    }
  }
  return nearest ?? names.find((name) => word.length >= 3 && name.toLowerCase().includes(word));
}

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
