/** Which local variables are read where no write has surely come before: those must begin as zero, as the loop IR says. */
import type { Expr, Func, Local, Statement } from '../cpu/ir.js';
import { expressionsOf, operands } from '../cpu/walk.js';

/** The locals that some way through the function reads before it writes them. */
export function uninitializedLocals(func: Func): Set<Local> {
  const found = new Set<Local>();
  /** Written on every way to the present statement; `trail` lists them in the order in which they came in. */
  const written = new Set<Local>(func.parameters);
  const trail: Local[] = [];
  const write = (variable: Local): void => {
    if (written.has(variable)) return;
    written.add(variable);
    trail.push(variable);
  };
  const read = (expr: Expr): void => {
    if (expr.kind === 'local') {
      if (!written.has(expr.local)) found.add(expr.local);
    } else for (const each of operands(expr)) read(each);
  };
  /** What `list` writes for sure, of what was not written before; it counts as unwritten again afterwards. */
  const inside = (list: readonly Statement[]): Local[] => {
    const before = trail.length;
    walk(list);
    const news = trail.splice(before);
    for (const each of news) written.delete(each);
    return news;
  };
  const walk = (list: readonly Statement[]): void => {
    for (const s of list) {
      for (const each of expressionsOf(s)) read(each);
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
