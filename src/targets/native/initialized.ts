/** Which local variables are read where no write has surely come before: those must begin as zero, as the loop IR says. */
import type { Expr, Func, Local, Statement } from '../cpu/ir.js';
import { expressionsOf, operands } from '../cpu/walk.js';

/** Statements that are carried out one after the other. What they write is written as long as the walk is among them. */
interface Scope {
  isOpen: boolean;
  readonly written: Local[];
}

/** The locals that some way through the function reads before it writes them. */
export function uninitializedLocals(func: Func): Set<Local> {
  const found = new Set<Local>();
  let scope: Scope = { isOpen: true, written: [...func.parameters] };
  const writtenIn = new Map<Local, Scope>();
  for (const each of func.parameters) writtenIn.set(each, scope);
  const isWritten = (variable: Local): boolean => writtenIn.get(variable)?.isOpen ?? false;
  const write = (variable: Local): void => {
    if (isWritten(variable)) return;
    writtenIn.set(variable, scope);
    scope.written.push(variable);
  };
  const read = (expr: Expr): void => {
    if (expr.kind === 'local') {
      if (!isWritten(expr.local)) found.add(expr.local);
    } else operands(expr).forEach(read);
  };
  /** What `list` writes for sure, of what was not written before; it counts as unwritten again afterwards. */
  const inside = (list: readonly Statement[]): readonly Local[] => {
    const outer = scope;
    const inner: Scope = (scope = { isOpen: true, written: [] });
    walk(list);
    inner.isOpen = false;
    scope = outer;
    return inner.written;
  };
  const walk = (list: readonly Statement[]): void => {
    for (const s of list) {
      expressionsOf(s).forEach(read);
      if (s.kind === 'set') write(s.local);
      else if (s.kind === 'for') {
        write(s.local);
        inside(s.body);
      } else if (s.kind === 'while') inside(s.body);
      else if (s.kind === 'if') {
        const then = inside(s.then);
        const otherwise = new Set(inside(s.otherwise));
        for (const each of then) if (otherwise.has(each)) write(each);
      }
    }
  };
  walk(func.body);
  return found;
}
