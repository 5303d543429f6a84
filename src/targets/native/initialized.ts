/** Which local variables are read where no write has surely come before: those must begin as zero, as the loop IR says. */
import type { Expr, Func, Local, Statement } from '../cpu/ir.js';
import { operands } from '../cpu/walk.js';

/** Statements that are carried out together or not at all. */
interface Block {
  readonly parent: Block | undefined;
}

/** The locals whose first write does not stand before all their uses. */
export function uninitializedLocals(func: Func): Set<Local> {
  const writtenIn = new Map<Local, Block>();
  const found = new Set<Local>();
  const isInside = (block: Block, outer: Block): boolean => {
    for (let at: Block | undefined = block; at !== undefined; at = at.parent) if (at === outer) return true;
    return false;
  };
  const use = (variable: Local, block: Block): void => {
    const written = writtenIn.get(variable);
    if (written === undefined || !isInside(block, written)) found.add(variable);
  };
  const write = (variable: Local, block: Block): void => {
    const written = writtenIn.get(variable);
    if (written === undefined) writtenIn.set(variable, block);
    else if (!isInside(block, written)) found.add(variable);
  };
  const read = (expr: Expr, block: Block): void => {
    if (expr.kind === 'local') use(expr.local, block);
    else for (const each of operands(expr)) read(each, block);
  };
  const walk = (list: readonly Statement[], block: Block): void => {
    for (const s of list) {
      switch (s.kind) {
        case 'set':
          read(s.value, block);
          write(s.local, block);
          break;
        case 'store':
          read(s.address, block);
          read(s.value, block);
          if (s.count !== undefined) read(s.count, block);
          break;
        case 'transpose':
          for (const each of s.rows) {
            use(each, block);
            write(each, block);
          }
          break;
        case 'scatter':
          read(s.base, block);
          read(s.index, block);
          read(s.value, block);
          if (s.count !== undefined) read(s.count, block);
          break;
        case 'for':
          read(s.from, block);
          read(s.to, block);
          write(s.local, block);
          walk(s.body, { parent: block });
          break;
        case 'while':
          read(s.condition, block);
          walk(s.body, { parent: block });
          break;
        case 'if':
          read(s.condition, block);
          walk(s.then, { parent: block });
          walk(s.otherwise, { parent: block });
          break;
        case 'call':
          for (const each of s.args) read(each, block);
          break;
        case 'fillZero':
          read(s.address, block);
          read(s.length, block);
          break;
        case 'copy':
          read(s.to, block);
          read(s.from, block);
          read(s.length, block);
          break;
        case 'barrier':
          read(s.state, block);
          read(s.threads, block);
          break;
      }
    }
  };
  const body: Block = { parent: undefined };
  for (const each of func.parameters) writtenIn.set(each, body);
  walk(func.body, body);
  return found;
}
