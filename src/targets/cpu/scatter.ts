/** Scatter kernels → loop IR. Each unit owns a part of the result, and nothing is added atomically: sums are the same in every run. */
import { bytesPerElement } from '../../core/dtype.js';
import type { ScatterKernel } from '../../compiler/kernel.js';
import {
  cutColumns,
  emitterAtTop,
  ENOUGH_UNITS,
  forColumns,
  sumOf,
  weightOf,
  type Columns,
} from './columns.js';
import { ELEMENT, scalarType, type Emitter } from './emit.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { LoweredKernel, LoweringContext } from './lowered-kernel.js';

/** Result elements of two units should not share a cache line. */
const ELEMENTS_TOGETHER = 64;

/** How the result [outer, size, inner] is cut: unit = (outer, range of rows, block of columns). */
interface Cut {
  readonly columns: Columns;
  readonly rows: number;
  readonly ranges: number;
  readonly work: number;
}

/** What a unit owns. */
interface Part {
  readonly outer: Expr;
  readonly row: Expr;
  readonly rowEnd: Expr;
  readonly column: Expr;
  readonly columnEnd: Expr;
}

/** Lowers a scatter. A unit clears its part, then visits all positions in order and adds the values whose targets it owns. */
export function lowerScatter(kernel: ScatterKernel, name: string, context: LoweringContext): LoweredKernel {
  const cut = cutResult(kernel, context.machine.lanes);
  const run = ir.func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const emitter = emitterAtTop(b, table, context);
    const base = b.let(context.base(b, table, kernel.buffer), 'result');
    b.for(begin, end, 1, (unit) => {
      const part = partOf(b, kernel, cut, unit);
      emitter.scope(new Map([[kernel.outer, part.outer]]), () => {
        const unitScatter = new PartScatter(kernel, cut.columns, emitter, base, part);
        unitScatter.clear();
        unitScatter.addAll();
      });
    });
  });
  const empty = kernel.size === 0 || kernel.inner.extent === 0;
  const units = empty ? 0 : kernel.outer.extent * cut.ranges * cut.columns.blocks;
  return { functions: [run], entry: name, units, unitWork: cut.work };
}

/**
 * Every unit looks at every position. Blocks of columns share that among much work each; ranges of rows only pay where
 * clearing the result and computing values outweigh looking at the targets once more.
 */
function cutResult(kernel: ScatterKernel, lanes: number): Cut {
  const { outer, position, inner, size, value, target, dtype } = kernel;
  const columns = cutColumns(inner, outer.extent, value, dtype, lanes);
  const looking = position.extent * (weightOf(target) + 3);
  const perElement = (weightOf(value) + 2) / (columns.vector ? lanes : 1);
  const owned = columns.width * (position.extent * perElement + size / lanes);
  const wanted = Math.ceil(ENOUGH_UNITS / Math.max(1, outer.extent * columns.blocks));
  const paying = looking === 0 ? wanted : Math.floor(owned / looking);
  const fitting = Math.floor((size * columns.width) / ELEMENTS_TOGETHER);
  const rows = Math.ceil(size / Math.max(1, Math.min(wanted, paying, fitting, size)));
  const ranges = rows === 0 ? 0 : Math.ceil(size / rows);
  return { columns, rows, ranges, work: looking + owned / Math.max(1, ranges) };
}

function partOf(
  b: Builder,
  { inner, size }: ScatterKernel,
  { columns, rows, ranges }: Cut,
  unit: Expr,
): Part {
  const { width, blocks } = columns;
  const cutAt = (n: Expr, step: number, end: number): [Expr, Expr] => {
    const from = b.let(ir.mul(n, ir.i32(step)));
    return [from, b.let(ir.binary('minS', ir.add(from, ir.i32(step)), ir.i32(end)))];
  };
  const split = (n: Expr, by: number): [Expr, Expr] =>
    by === 1
      ? [n, ir.i32(0)]
      : [b.let(ir.binary('divU', n, ir.i32(by))), b.let(ir.binary('remU', n, ir.i32(by)))];
  const [rest, block] = split(unit, Math.max(1, blocks));
  const [outer, range] = split(rest, Math.max(1, ranges));
  const [row, rowEnd] = ranges > 1 ? cutAt(range, rows, size) : [ir.i32(0), ir.i32(size)];
  const [column, columnEnd] =
    blocks > 1 ? cutAt(block, width, inner.extent) : [ir.i32(0), ir.i32(inner.extent)];
  return { outer, row, rowEnd, column, columnEnd };
}

/** Emits the work of one unit. */
class PartScatter {
  private readonly kernel: ScatterKernel;
  private readonly columns: Columns;
  private readonly emitter: Emitter;
  private readonly b: Builder;
  private readonly part: Part;
  /** The address of row 0 and column 0. */
  private readonly base: Expr;
  private readonly bytes: number;

  constructor(kernel: ScatterKernel, columns: Columns, emitter: Emitter, base: Expr, part: Part) {
    this.kernel = kernel;
    this.columns = columns;
    this.emitter = emitter;
    this.b = emitter.b;
    this.part = part;
    this.bytes = bytesPerElement(kernel.dtype);
    const skipped = ir.mul(part.outer, ir.i32(kernel.size * kernel.inner.extent * this.bytes));
    this.base = this.b.let(ir.add(base, skipped));
  }

  clear(): void {
    const { row, rowEnd } = this.part;
    const rowBytes = this.kernel.inner.extent * this.bytes;
    if (this.columns.blocks === 1) {
      const length = ir.mul(ir.sub(rowEnd, row), ir.i32(rowBytes));
      this.b.push({ kind: 'fillZero', address: this.addressOf(row), length });
      return;
    }
    this.b.for(row, rowEnd, 1, (each) => {
      this.eachColumn(this.b.let(this.addressOf(each)), (address, vector) => {
        this.b.store(ELEMENT[this.kernel.dtype], address, this.zero(vector));
      });
    });
  }

  addAll(): void {
    const { position, target, value, dtype, size } = this.kernel;
    const { row, rowEnd } = this.part;
    if (position.extent === 0) return;
    const element = ELEMENT[dtype];
    this.b.for(ir.i32(0), ir.i32(position.extent), 1, (at) => {
      this.emitter.scope(new Map([[position, at]]), () => {
        const to = this.emitter.value(target);
        // As unsigned numbers, negative targets are beyond every size.
        const count = row.kind === 'const' ? ir.i32(size) : ir.sub(rowEnd, row);
        this.b.if(ir.compare('ltU', ir.sub(to, row), count), () => {
          const rowAddress = this.b.let(this.addressOf(to));
          // Opened once more, so that values are computed only for targets that are owned.
          this.emitter.scope(new Map([[position, at]]), () => {
            this.eachColumn(rowAddress, (address, vector) => {
              const next = vector ? this.emitter.vectorValue(value) : this.emitter.value(value);
              const place = this.b.let(address);
              this.b.store(element, place, sumOf(dtype, ir.load(element, place, 0, vector), next));
            });
          });
        });
      });
    });
  }

  private eachColumn(rowAddress: Expr, body: (address: Expr, vector: boolean) => void): void {
    const { column, columnEnd } = this.part;
    forColumns(this.emitter, this.columns, column, columnEnd, (at, vector) => {
      body(ir.add(rowAddress, ir.mul(at, ir.i32(this.bytes))), vector);
    });
  }

  private addressOf(row: Expr): Expr {
    return ir.add(this.base, ir.mul(row, ir.i32(this.kernel.inner.extent * this.bytes)));
  }

  private zero(vector: boolean): Expr {
    const type = scalarType(this.kernel.dtype);
    if (!vector || type === 'f64') return ir.constant(type, 0);
    return ir.constant(type === 'f32' ? 'f32v' : 'i32v', 0);
  }
}
