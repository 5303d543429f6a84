/** Loop IR as text, for people. */
import {
  isVector,
  type BinaryOp,
  type CompareOp,
  type Expr,
  type Func,
  type Local,
  type Module,
  type Statement,
} from './ir.js';

const INFIX: Readonly<Partial<Record<BinaryOp | CompareOp, string>>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shrS: '>>',
  shrU: '>>>',
  divS: '/',
  remS: '%',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

/**
 * The functions of `module`, one statement per line, indented as they nest. Types stand where locals get their first value; `f32[p + 16]`
 * is an element in memory, `f32v[…]` a vector of them.
 *
 * @example
 * ```ts
 * import { func, i32 } from './ir.js';
 *
 * const text = printModule({ functions: [func('clear', ['p'], (b, p) => b.store('i32', p, i32(0)), true)] });
 * text; // => 'export clear(p)\n  i32[p] = 0\n'
 * ```
 */
export function printModule(module: Module): string {
  return module.functions.map((each) => new FunctionPrinter(each).text()).join('\n');
}

class FunctionPrinter {
  private readonly func: Func;
  private readonly names = new Map<Local, string>();
  private readonly taken = new Map<string, number>();
  private lines: string[] = [];

  constructor(func: Func) {
    this.func = func;
  }

  text(): string {
    const { name, parameters, body, exported } = this.func;
    this.lines = [
      `${exported ? 'export ' : ''}${name}(${parameters.map((each) => this.name(each)).join(', ')})`,
    ];
    this.statements(body, '  ');
    return `${this.lines.join('\n')}\n`;
  }

  /** Locals of the same name are numbered within the function. */
  private name(local: Local): string {
    let name = this.names.get(local);
    if (name === undefined) {
      const count = (this.taken.get(local.name) ?? 0) + 1;
      this.taken.set(local.name, count);
      name = count === 1 ? local.name : `${local.name}_${count}`;
      this.names.set(local, name);
    }
    return name;
  }

  private statements(list: readonly Statement[], indent: string): void {
    for (const each of list) this.statement(each, indent);
  }

  private where(mask: Expr | undefined): string {
    return mask === undefined ? '' : ` where ${this.operand(mask)}`;
  }

  private statement(s: Statement, indent: string): void {
    const line = (text: string): void => {
      this.lines.push(indent + text);
    };
    const inner = `${indent}  `;
    switch (s.kind) {
      case 'set': {
        const isNew = !this.names.has(s.local);
        const value = this.expr(s.value);
        line(`${this.name(s.local)}${isNew ? `: ${s.local.type}` : ''} = ${value}`);
        return;
      }
      case 'store': {
        const vector = isVector(s.value.type) ? 'v' : '';
        const some = s.count === undefined ? '' : `, the first ${this.expr(s.count)}`;
        line(`${s.element}${vector}[${this.address(s.address, s.offset)}] = ${this.expr(s.value)}${some}`);
        return;
      }
      case 'prefetch':
        line(`prefetch${s.level} [${this.address(s.address, s.offset)}]`);
        return;
      case 'scatter': {
        const some = s.count === undefined ? '' : `, the first ${this.expr(s.count)}`;
        line(`v[${this.expr(s.base)} at ${this.expr(s.index)}] = ${this.expr(s.value)}${some}`);
        return;
      }
      case 'for': {
        const [from, to] = [this.expr(s.from), this.expr(s.to)];
        line(`for ${this.name(s.local)} = ${from} to ${to}${s.step === 1 ? '' : ` step ${s.step}`}`);
        this.statements(s.body, inner);
        return;
      }
      case 'while':
        line(`while ${this.expr(s.condition)}`);
        this.statements(s.body, inner);
        return;
      case 'if':
        line(`if ${this.expr(s.condition)}`);
        this.statements(s.then, inner);
        if (s.otherwise.length === 0) return;
        line('else');
        this.statements(s.otherwise, inner);
        return;
      case 'call':
        line(`${s.name}(${this.list(s.args)})`);
        return;
      case 'fillZero':
        line(`fillZero(${this.list([s.address, s.length])})`);
        return;
      case 'copy':
        line(`copy(to ${this.expr(s.to)}, from ${this.expr(s.from)}, ${this.expr(s.length)})`);
        return;
      case 'barrier':
        line(`barrier(${this.list([s.state, s.threads])})`);
        return;
    }
  }

  private list(exprs: readonly Expr[]): string {
    return exprs.map((each) => this.expr(each)).join(', ');
  }

  private address(address: Expr, offset: number): string {
    return offset === 0 ? this.expr(address) : `${this.expr(address)} + ${offset}`;
  }

  /** An operand of an infix operator. */
  private operand(e: Expr): string {
    const text = this.expr(e);
    const isInfix = (e.kind === 'binary' || e.kind === 'compare') && INFIX[e.op] !== undefined;
    return isInfix || e.kind === 'fma' || e.kind === 'select' ? `(${text})` : text;
  }

  private expr(e: Expr): string {
    switch (e.kind) {
      case 'const':
        return Object.is(e.value, -0) ? '-0' : String(e.value);
      case 'local':
        return this.name(e.local);
      case 'unary':
        return `${e.op}(${this.expr(e.a)})`;
      case 'binary':
      case 'compare': {
        const sign = INFIX[e.op];
        if (sign === undefined) return `${e.op}(${this.list([e.a, e.b])})`;
        return `${this.operand(e.a)} ${sign} ${this.operand(e.b)}`;
      }
      case 'fma':
        return `${this.operand(e.a)} * ${this.operand(e.b)} + ${this.operand(e.c)}`;
      case 'select':
        return `${this.operand(e.condition)} ? ${this.operand(e.a)} : ${this.operand(e.b)}`;
      case 'convert':
        return `${e.type}.${e.op}(${this.expr(e.a)})`;
      case 'load':
        return `${e.element}${isVector(e.type) ? 'v' : ''}[${this.address(e.address, e.offset)}]${this.where(e.mask)}`;
      case 'loadSplat':
        return `splat(${e.element}[${this.address(e.address, e.offset)}])`;
      case 'loadStrided':
        return `${e.element}v[${this.expr(e.address)} by ${e.stride}]`;
      case 'gather':
        return `${e.element}v[${this.expr(e.base)} at ${this.expr(e.index)}]${this.where(e.mask)}`;
      case 'dotBytes':
        return `dotBytes(${this.list([e.sum, e.a, e.b])})`;
      case 'permute':
        return `permute(${this.list([e.a, e.index])})`;
      case 'shuffle':
        return `${e.order}(${this.list([e.a, e.b])})`;
      case 'splat':
        // Constants need no word: which type they have shows in what they meet.
        return e.a.kind === 'const' && e.type !== 'maskv' ? this.expr(e.a) : `splat(${this.expr(e.a)})`;
      case 'laneIndex':
        return 'laneIndex';
      case 'lanes':
        return `[${this.list(e.parts)}]`;
      case 'reduceLanes':
        return `reduceLanes.${e.op}(${this.expr(e.a)})`;
      case 'extract':
        return `${this.operand(e.a)}[${e.lane}]`;
      case 'host':
        return `host.${e.name}(${this.list(e.args)})`;
      case 'atomicAdd':
        return `atomicAdd(${this.list([e.address, e.value])})`;
    }
  }
}
