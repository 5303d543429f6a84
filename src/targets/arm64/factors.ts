/**
 * Vectors with one number in all lanes that are factors and nothing else. A multiplication can take its factor from one lane of a register, so such a
 * number stays a scalar: loading it is one instruction, and spreading it would be another, on the units that multiply.
 */
import type { Expr, Func, Local, Statement } from '../cpu/ir.js';
import { visitExpressions } from '../cpu/walk.js';

/** The scalar that a vector consists of, if it is the same in all lanes and known by an expression. */
export function spreadScalar(e: Expr): Expr | undefined {
  if (e.kind === 'loadSplat' && e.element === 'f32')
    return { kind: 'load', type: 'f32', element: 'f32', address: e.address, offset: e.offset };
  return e.kind === 'splat' && e.a.type === 'f32' && e.a.kind !== 'const' ? e.a : undefined;
}

/** The two factors of a product of vectors, fused or not. */
function factorsOf(e: Expr): readonly [Expr, Expr] | undefined {
  if (e.type !== 'f32v') return undefined;
  if (e.kind === 'fma' || (e.kind === 'binary' && e.op === 'mul')) return [e.a, e.b];
  return undefined;
}

/** The locals that can be held as scalars: all that is written to them is a number in all lanes, and every use is as one factor of a product. */
export function splatFactors(func: Func): Set<Local> {
  const found = new Set<Local>();
  const others = new Set<Local>();
  const eachSet = (list: readonly Statement[]): void => {
    for (const s of list) {
      if (s.kind === 'set' && s.local.type === 'f32v')
        (spreadScalar(s.value) === undefined ? others : found).add(s.local);
      else if (s.kind === 'for' || s.kind === 'while') eachSet(s.body);
      else if (s.kind === 'if') {
        eachSet(s.then);
        eachSet(s.otherwise);
      }
    }
  };
  eachSet(func.body);
  for (const each of others) found.delete(each);
  if (found.size === 0) return found;

  const uses = new Map<Local, number>();
  const count = (local: Local, by: number): void => {
    uses.set(local, (uses.get(local) ?? 0) + by);
  };
  const pairs: (readonly [Local, Local])[] = [];
  visitExpressions(func.body, (e) => {
    if (e.kind === 'local') count(e.local, 1);
    const [a, b] = factorsOf(e) ?? [];
    if (a?.kind === 'local') count(a.local, -1);
    if (b?.kind === 'local') count(b.local, -1);
    if (a?.kind === 'local' && b?.kind === 'local') pairs.push([a.local, b.local]);
  });
  for (const local of [...found]) if (uses.get(local) !== 0) found.delete(local);
  // One of the two factors must be a whole vector.
  for (const [a, b] of pairs) if (found.has(a) && found.has(b)) found.delete(b);
  return found;
}
