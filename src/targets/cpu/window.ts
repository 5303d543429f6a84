/** Indices whose places for the lanes of a vector lie in order and close together: one vector holds them all. */
import { variablesOf, type Atom, type Index, type Variable } from '../../compiler/index-expr.js';
import { dataOf, dependenciesOf, linearStride } from '../../compiler/scalar-expr.js';

/** Whether `lanes` neighbours along `v` find all their elements within `lanes` elements from that of the first. */
export function isWindow(index: Index, v: Variable, lanes: number): boolean {
  let span = 0;
  for (const { factor, atom } of index.terms) {
    const step = stepOf(atom, v);
    if (step === 0) continue;
    if (step === undefined || step < 0 || factor < 0) return false;
    const by = atom.kind === 'quotient' ? atom.by : 1;
    span += factor * Math.ceil((step * (lanes - 1)) / by);
  }
  return span < lanes;
}

/** By how much `v` moves what the atom is or divides; undefined where that is not the same everywhere. */
function stepOf(atom: Atom, v: Variable): number | undefined {
  switch (atom.kind) {
    case 'variable':
      return atom.variable === v ? 1 : 0;
    case 'value':
      return dependenciesOf(atom.value).variables.has(v) ? undefined : 0;
    case 'quotient':
    case 'remainder': {
      const depends =
        variablesOf(atom.of).has(v) || dataOf(atom.of).some((data) => dependenciesOf(data).variables.has(v));
      if (!depends) return 0;
      return atom.kind === 'quotient' ? linearStride(atom.of, v) : undefined;
    }
  }
}
