/**
 * A key that stands twice in one object of `text`, or undefined. `JSON.parse` keeps the last of them silently, and two
 * readers that keep different ones see two different files.
 *
 * @param text sound JSON.
 */
export function duplicateKey(text: string): string | undefined {
  /** For each object or array that is open, the keys so far; arrays have none. */
  const open: (Set<string> | undefined)[] = [];
  // In sound JSON these are all that matters: strings with the colon that makes them keys, and brackets.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[[\]{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, -1)) as string;
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
