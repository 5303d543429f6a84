/** Between which numbers an index lies, whatever conditions it is used under. */
import type { Atom, Index } from '../../compiler/index-expr.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * The range of an index while its variables run over their whole loops. An index's own `min` and `max` may be narrower: they hold under the guard of
 * the load that it belongs to.
 */
export function rangeOf(index: Index): Range {
  let min = index.constant;
  let max = index.constant;
  for (const { factor, atom } of index.terms) {
    const part = rangeOfAtom(atom);
    min += factor * (factor > 0 ? part.min : part.max);
    max += factor * (factor > 0 ? part.max : part.min);
  }
  return { min, max };
}

function rangeOfAtom(atom: Atom): Range {
  switch (atom.kind) {
    case 'variable':
      return { min: 0, max: Math.max(0, atom.variable.extent - 1) };
    case 'quotient': {
      const { min, max } = rangeOf(atom.of);
      return { min: Math.floor(min / atom.by), max: Math.floor(max / atom.by) };
    }
    case 'remainder':
      return { min: 0, max: atom.by - 1 };
    case 'value':
      // Clamped where it is read.
      return { min: 0, max: atom.extent - 1 };
  }
}
