/** Visits everything inside functions of the loop IR. */
import type { Expr, Statement } from './ir.js';

const NONE: readonly never[] = [];

/** The expressions directly inside one. */
export function operands(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'const':
    case 'local':
    case 'laneIndex':
      return NONE;
    case 'unary':
    case 'convert':
    case 'splat':
    case 'reduceLanes':
    case 'extract':
      return [expr.a];
    case 'binary':
    case 'compare':
    case 'shuffle':
      return [expr.a, expr.b];
    case 'fma':
      return [expr.a, expr.b, expr.c];
    case 'select':
      return [expr.condition, expr.a, expr.b];
    case 'load':
      return expr.mask === undefined ? [expr.address] : [expr.address, expr.mask];
    case 'loadSplat':
    case 'loadStrided':
      return [expr.address];
    case 'gather':
      return expr.mask === undefined ? [expr.base, expr.index] : [expr.base, expr.index, expr.mask];
    case 'dotBytes':
      return [expr.sum, expr.a, expr.b];
    case 'permute':
      return [expr.a, expr.index];
    case 'lanes':
      return expr.parts;
    case 'host':
      return expr.args;
    case 'atomicAdd':
      return [expr.address, expr.value];
  }
}

/** The expressions a statement itself has, without those of the statements inside it. */
export function expressionsOf(statement: Statement): readonly Expr[] {
  switch (statement.kind) {
    case 'set':
      return [statement.value];
    case 'store':
      return statement.count === undefined
        ? [statement.address, statement.value]
        : [statement.address, statement.value, statement.count];
    case 'prefetch':
      return [statement.address];
    case 'scatter':
      return statement.count === undefined
        ? [statement.base, statement.index, statement.value]
        : [statement.base, statement.index, statement.value, statement.count];
    case 'for':
      return [statement.from, statement.to];
    case 'while':
    case 'if':
      return [statement.condition];
    case 'call':
      return statement.args;
    case 'fillZero':
      return [statement.address, statement.length];
    case 'copy':
      return [statement.to, statement.from, statement.length];
    case 'barrier':
      return [statement.state, statement.threads];
  }
}

/** The statements directly inside one. */
function statementsOf(statement: Statement): readonly Statement[] {
  switch (statement.kind) {
    case 'for':
    case 'while':
      return statement.body;
    case 'if':
      return [...statement.then, ...statement.otherwise];
    default:
      return NONE;
  }
}

/** Whether threads meet in `body`. */
export function hasMeeting(body: readonly Statement[]): boolean {
  return body.some((statement) => statement.kind === 'barrier' || hasMeeting(statementsOf(statement)));
}

/** Calls `visit` with every expression in `body`, outer ones first. */
export function visitExpressions(body: readonly Statement[], visit: (expr: Expr) => void): void {
  const within = (expr: Expr): void => {
    visit(expr);
    operands(expr).forEach(within);
  };
  for (const statement of body) {
    expressionsOf(statement).forEach(within);
    visitExpressions(statementsOf(statement), visit);
  }
}
