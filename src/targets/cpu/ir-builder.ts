/** Statements from calls: a builder collects what a function does. */
import { f32, get, local, refuse, shuffle } from './ir-expressions.js';
import {
  type Element,
  type Expr,
  type Func,
  type Local,
  type ShuffleOrder,
  type Statement,
} from './ir-language.js';

const ZERO = f32(0);

/** Collects statements; loops and conditions nest through callbacks. */
export class Builder {
  statements: Statement[] = [];

  /** Stores `value` in a fresh local and gives its use; constants and locals stay as they are. */
  let(value: Expr, name = 't'): Expr {
    if (value.kind === 'const' || value.kind === 'local') return value;
    const variable = local(value.type, name);
    this.set(variable, value);
    return get(variable);
  }

  /** A fresh local that starts as `value` and will change. */
  variable(value: Expr, name = 'v'): Local {
    const variable = local(value.type, name);
    this.set(variable, value);
    return variable;
  }

  set(variable: Local, value: Expr): void {
    if (variable.type !== value.type) refuse(`${variable.name}: ${variable.type} = ${value.type}`);
    this.statements.push({ kind: 'set', local: variable, value });
  }

  store(element: Element, address: Expr, value: Expr, offset = 0, count?: Expr): void {
    const base = { kind: 'store', element, address, offset, value } as const;
    this.statements.push(count === undefined ? base : { ...base, count });
  }

  scatter(base: Expr, index: Expr, value: Expr, count?: Expr): void {
    const scattered = { kind: 'scatter', base, index, value } as const;
    this.statements.push(count === undefined ? scattered : { ...scattered, count });
  }

  prefetch(address: Expr, offset: number, level: 1 | 2 = 1): void {
    this.statements.push({ kind: 'prefetch', address, offset, level });
  }

  /**
   * Turns as many vectors as they have lanes: lane l of vector r changes places with lane r of vector l. Squares of four inside each block of lanes
   * first, then the blocks, by halves.
   */
  transpose(rows: readonly Local[]): void {
    const join = (order: ShuffleOrder, a: Expr | undefined, b: Expr | undefined): Expr =>
      this.let(shuffle(order, a ?? ZERO, b ?? ZERO), 'turned');
    const turned = (parts: readonly Expr[]): Expr[] => {
      if (parts.length === 1) return [...parts];
      const pairs = (order: ShuffleOrder): Expr[] =>
        Array.from({ length: parts.length / 2 }, (_, n) => join(order, parts[2 * n], parts[2 * n + 1]));
      const even = turned(pairs('evenBlocks'));
      const odd = turned(pairs('oddBlocks'));
      return [...even.keys()].flatMap((n) => [even[n], odd[n]]) as Expr[];
    };
    const fours = Array.from({ length: rows.length / 4 }, (_, n) => {
      const [a, b, c, d] = rows.slice(4 * n, 4 * n + 4).map(get);
      const [low, high] = [join('low1', a, b), join('high1', a, b)];
      const [lowNext, highNext] = [join('low1', c, d), join('high1', c, d)];
      return [
        join('low2', low, lowNext),
        join('high2', low, lowNext),
        join('low2', high, highNext),
        join('high2', high, highNext),
      ];
    });
    [0, 1, 2, 3].forEach((g) => {
      turned(fours.map((four) => four[g] ?? ZERO)).forEach((value, block) => {
        const row = rows[4 * block + g];
        if (row !== undefined) this.set(row, value);
      });
    });
  }

  for(from: Expr, to: Expr, step: number, body: (index: Expr) => void, name = 'i'): void {
    const variable = local('i32', name);
    this.statements.push({
      kind: 'for',
      local: variable,
      from,
      to,
      step,
      body: this.nested(() => {
        body(get(variable));
      }),
    });
  }

  while(condition: Expr, body: () => void): void {
    this.statements.push({ kind: 'while', condition, body: this.nested(body) });
  }

  if(condition: Expr, then: () => void, otherwise: () => void = () => undefined): void {
    this.statements.push({
      kind: 'if',
      condition,
      then: this.nested(then),
      otherwise: this.nested(otherwise),
    });
  }

  call(name: string, ...args: Expr[]): void {
    this.statements.push({ kind: 'call', name, args });
  }

  push(statement: Statement): void {
    this.statements.push(statement);
  }

  private nested(body: () => void): Statement[] {
    const outer = this.statements;
    this.statements = [];
    body();
    const inner = this.statements;
    this.statements = outer;
    return inner;
  }
}

/** A function from a callback that gets its parameters. */
export function func(
  name: string,
  parameters: readonly string[],
  build: (b: Builder, ...args: Expr[]) => void,
  exported = false,
): Func {
  const locals = parameters.map((each) => local('i32', each));
  const b = new Builder();
  build(b, ...locals.map(get));
  return { name, parameters: locals, body: b.statements, exported };
}
