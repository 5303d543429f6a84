/** One function of the loop IR → the body of a WebAssembly function. Vectors have four lanes. */
import { InternalError } from '../../core/errors.js';
import { laneBits } from '../cpu/bits.js';
import type { Expr, Func, HostFunction, Statement } from '../cpu/ir.js';
import { VALUE_TYPE, type ByteWriter } from './binary.js';
import { ExpressionEncoder } from './expression-encoder.js';
import { FunctionWriter } from './function-writer.js';
import { encodeStore } from './stores.js';

/** Where the functions of a module are in its index space. */
export interface Indices {
  readonly hosts: ReadonlyMap<HostFunction, number>;
  /** What the barrier calls. This index and the barrier's are there only in modules with meetings. */
  readonly waited: number;
  readonly functions: ReadonlyMap<string, number>;
  readonly barrier: number;
}

export class FunctionEncoder {
  private readonly indices: Indices;
  private readonly w = new FunctionWriter();
  private readonly expressions: ExpressionEncoder;

  constructor(indices: Indices, relaxedFma: boolean) {
    this.indices = indices;
    this.expressions = new ExpressionEncoder(this.w, indices.hosts, relaxedFma);
  }

  /** Locals and instructions of `func`; valid until the next call. */
  encode(func: Func): ByteWriter {
    this.w.begin(func.parameters);
    this.statements(func.body);
    return this.w.finish();
  }

  private statements(list: readonly Statement[]): void {
    for (const each of list) this.statement(each);
  }

  private statement(s: Statement): void {
    const { w } = this;
    const { push } = this.expressions;
    switch (s.kind) {
      case 'set':
        this.initial(s.value);
        w.local('local.set', w.localIndex(s.local));
        break;
      case 'store':
        encodeStore(w, push, s);
        break;
      case 'prefetch':
        // There is no such instruction.
        break;
      case 'scatter':
        throw new InternalError('wasm: no scattered stores');
      case 'for':
        this.for(s);
        break;
      case 'while':
        w.open('block');
        w.open('loop');
        push(s.condition);
        w.op('i32.eqz');
        w.branch('br_if', 1);
        this.statements(s.body);
        w.branch('br', 0);
        w.op('end');
        w.op('end');
        break;
      case 'if':
        push(s.condition);
        w.open('if');
        this.statements(s.then);
        if (s.otherwise.length > 0) {
          w.op('else');
          this.statements(s.otherwise);
        }
        w.op('end');
        break;
      case 'call':
        for (const each of s.args) push(each);
        w.call(this.functionIndex(s.name));
        break;
      case 'fillZero':
        push(s.address);
        w.i32(0);
        push(s.length);
        w.bulkMemory('memory.fill');
        break;
      case 'copy':
        push(s.to);
        push(s.from);
        push(s.length);
        w.bulkMemory('memory.copy');
        break;
      case 'barrier':
        push(s.state);
        push(s.threads);
        w.call(this.indices.barrier);
        break;
    }
  }

  private functionIndex(name: string): number {
    const index = this.indices.functions.get(name);
    if (index === undefined) throw new InternalError(`wasm: call of ${name}, which is not in the module`);
    return index;
  }

  /** The value of a local: zero is made on the spot (one cheap instruction, no register kept), as accumulators start with it. */
  private initial(value: Expr): void {
    const zero =
      value.kind === 'splat' &&
      value.a.kind === 'const' &&
      value.a.type !== 'f64' &&
      laneBits(value.a.type, value.a.value) === 0;
    if (zero) this.w.zeroVector();
    else this.expressions.push(value);
  }

  /** The test stands at the loop's end, with a guard in front: one branch per round. */
  private for(s: Extract<Statement, { kind: 'for' }>): void {
    const { w } = this;
    const { push } = this.expressions;
    const index = w.localIndex(s.local);
    const bound = s.to.kind === 'const' ? s.to.value : undefined;
    const limit = bound === undefined ? w.take(VALUE_TYPE.i32) : -1;
    const pushLimit = (): void => {
      if (bound === undefined) w.local('local.get', limit);
      else w.i32(bound);
    };
    push(s.from);
    w.local('local.set', index);
    if (bound === undefined) {
      push(s.to);
      w.local('local.set', limit);
    }
    const starts = s.from.kind === 'const' && bound !== undefined && s.from.value < bound;
    if (!starts) {
      w.local('local.get', index);
      pushLimit();
      w.op('i32.lt_s');
      w.open('if');
    }
    w.open('loop');
    this.statements(s.body);
    w.local('local.get', index);
    w.i32(s.step);
    w.op('i32.add');
    w.local('local.tee', index);
    pushLimit();
    w.op('i32.lt_s');
    w.branch('br_if', 0);
    w.op('end');
    if (!starts) w.op('end');
    if (bound === undefined) w.release(VALUE_TYPE.i32, limit);
  }
}
