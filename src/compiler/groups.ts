/** Which stored values are computed by one kernel: maps, reductions and contractions that fit into one loop nest. */
import { sizeOf, type Shape } from '../core/shape.js';
import type { Node } from '../graph/node.js';
import { flatten, ofVariable, unflatten, variable, type Index, type Variable } from './index-expr.js';
import { Lowering, Misaligned } from './lower.js';
import type { Setting } from './setting.js';
import { isReduction, isSpecial, iterationSize, reducedAxes } from './partition.js';
import { isSumOfParts } from './parts.js';
import { visit, type Scalar } from './scalar-expr.js';

/** Members of one kernel at the most. */
const LARGEST_GROUP = 16;
/** Expressions of one kernel at the most. */
const LARGEST_KERNEL = 600;
/** Rows that a row kernel needs to keep threads busy, unless the whole of it is small. */
const FEWEST_ROWS = 16;
const SMALL = 4096;
/** Values that may be computed on the way out of a contraction, and what they may read there. */
const LARGEST_EPILOGUE = 3;

/** The loops of a kernel: over `shape`, of which `axes` are the columns that reductions fold. */
export interface Space {
  readonly shape: Shape;
  readonly axes: readonly number[];
}

/** Stored nodes that one kernel computes. */
export interface Group {
  readonly kind: 'loop' | 'contraction' | 'other';
  space: Space;
  /** Inputs before consumers; for contractions the contraction is first. */
  members: Node[];
  /** Groups whose results it reads. */
  readonly needs: Set<Group>;
}

/** A member as the kernel computes it. */
export interface LoweredMember {
  readonly node: Node;
  readonly value: Scalar;
  /** Where in the member's own memory the value belongs. */
  readonly index: Index;
  /** For reductions: the slot, and the number of the column. */
  readonly slot: number | undefined;
  readonly position: Index;
}

export interface LoweredGroup {
  readonly rows: readonly Variable[];
  readonly columns: readonly Variable[];
  readonly variables: readonly Variable[];
  readonly members: readonly LoweredMember[];
}

const count = (space: Space, columns: boolean): number =>
  space.shape.reduce(
    (product, n, axis) => (space.axes.includes(axis) === columns ? product * n : product),
    1,
  );

/** Lowers members of a group one by one, in the loops of `space`. */
class GroupLowering {
  readonly space: Space;
  readonly members: LoweredMember[] = [];
  readonly variables: readonly Variable[];
  private readonly at: readonly Index[];
  private readonly row: Index;
  private readonly column: Index;
  private readonly flat: Index;
  private readonly inside = new Set<Node>();
  private readonly slots = new Map<Node, number>();
  private readonly contraction: Node | undefined;
  private readonly lowering: Lowering;
  private readonly setting: Setting;

  constructor(
    { kind, space, members }: Pick<Group, 'kind' | 'members' | 'space'>,
    bufferOf: (node: Node) => number | undefined,
    scalarSlots: ReadonlyMap<Node, number>,
    setting: Setting,
  ) {
    this.space = space;
    this.setting = setting;
    this.variables = space.shape.map(variable);
    this.at = this.variables.map(ofVariable);
    this.row = flatten(
      this.at.filter((_, axis) => !this.isColumn(axis)),
      space.shape.filter((_, axis) => !this.isColumn(axis)),
    );
    this.column = flatten(
      this.at.filter((_, axis) => this.isColumn(axis)),
      space.axes.map((axis) => space.shape[axis] ?? 1),
    );
    this.flat = flatten(this.at, space.shape);
    this.contraction = kind === 'contraction' ? members[0] : undefined;
    this.lowering = new Lowering((node, coordinates) => {
      if (node === this.contraction) {
        if (flatten(coordinates, node.shape).key !== this.flat.key)
          throw new Misaligned('a contraction is read at another place');
        return this.total(node);
      }
      if (this.inside.has(node)) {
        if (!isReduction(node)) return undefined;
        const slot = this.slots.get(node);
        if (slot === undefined || flatten(coordinates, node.shape).key !== this.row.key)
          throw new Misaligned('a reduction is read at another row');
        return { kind: 'reduced', dtype: node.dtype, slot };
      }
      const buffer = bufferOf(node);
      return buffer === undefined ? undefined : { buffer };
    }, scalarSlots);
    for (const member of members) this.add(member);
  }

  /** Lowers one more member, which none of the others reads. Throws Misaligned if it needs another's result from elsewhere: nothing can be added then. */
  add(node: Node): void {
    this.inside.add(node);
    this.members.push(this.lower(node));
  }

  get lowered(): LoweredGroup {
    const { variables, members } = this;
    return {
      rows: variables.filter((_, axis) => !this.isColumn(axis)),
      columns: variables.filter((_, axis) => this.isColumn(axis)),
      variables,
      members,
    };
  }

  private lower(node: Node): LoweredMember {
    const { flat, row, column, lowering } = this;
    if (node === this.contraction)
      return { node, value: this.total(node), index: flat, slot: undefined, position: column };
    if (!isReduction(node)) {
      const coordinates = this.place(node.shape);
      return {
        node,
        value: lowering.at(node, coordinates),
        index: flatten(coordinates, node.shape),
        slot: undefined,
        position: column,
      };
    }
    const { space, at } = this;
    const x = node.inputs[0] as Node;
    const axes = reducedAxes(node);
    const kept = unflatten(
      row,
      x.shape.filter((_, axis) => !axes.includes(axis)),
    );
    const folded = unflatten(
      column,
      axes.map((axis) => x.shape[axis] ?? 1),
    );
    const same =
      axes.length === space.axes.length &&
      this.place(x.shape) === at &&
      axes.every((axis, i) => axis === space.axes[i]);
    const coordinates = same
      ? at
      : x.shape.map((_, axis) => (axes.includes(axis) ? folded : kept).shift() as Index);
    const value = lowering.at(x, coordinates);
    const slot = this.slots.size;
    this.slots.set(node, slot);
    return { node, value, index: row, slot, position: column };
  }

  private isColumn(axis: number): boolean {
    return this.space.axes.includes(axis);
  }

  /** What a contraction hands over: its sum, or that of its parts. */
  private total(node: Node): Scalar {
    return isSumOfParts(node, this.setting)
      ? { kind: 'reduced', dtype: node.dtype, slot: 0 }
      : { kind: 'accumulator', dtype: node.dtype };
  }

  private place(shape: Shape): readonly Index[] {
    const { at, space } = this;
    if (shape.length === at.length && shape.every((n, axis) => n === space.shape[axis])) return at;
    return unflatten(sizeOf(shape) === sizeOf(space.shape) ? this.flat : this.row, shape);
  }
}

/** Lowers the members in the loops of `space`; throws Misaligned where one needs another's result from elsewhere. */
export function lowerGroup(
  group: Pick<Group, 'kind' | 'members' | 'space'>,
  bufferOf: (node: Node) => number | undefined,
  scalarSlots: ReadonlyMap<Node, number>,
  setting: Setting,
): LoweredGroup {
  return new GroupLowering(group, bufferOf, scalarSlots, setting).lowered;
}

/** Partitions the stored nodes into kernels. */
export class Grouping {
  readonly groups: Group[] = [];
  readonly groupOf = new Map<Node, Group>();
  /** Groups that read a stored node or a leaf. */
  private readonly readers = new Map<Node, Set<Group>>();
  /** The group of each scan. */
  private readonly loops = new Map<Node, Group>();
  /** The members of a group as they were lowered when the last one was tried. */
  private readonly trials = new Map<Group, GroupLowering>();
  private readonly stored: ReadonlySet<Node>;
  private readonly isLeaf: (node: Node) => boolean;
  private readonly scalarSlots: ReadonlyMap<Node, number>;
  private readonly setting: Setting;

  constructor(
    order: readonly Node[],
    stored: ReadonlySet<Node>,
    isLeaf: (node: Node) => boolean,
    scalarSlots: ReadonlyMap<Node, number>,
    setting: Setting,
  ) {
    this.stored = stored;
    this.isLeaf = isLeaf;
    this.scalarSlots = scalarSlots;
    this.setting = setting;
    for (const node of order) if (stored.has(node) && !isLeaf(node)) this.place(node);
  }

  private place(node: Node): void {
    const reads = this.readsOf(node);
    if (isSpecial(node)) {
      const kind = node.op === 'dot' || node.op === 'conv' ? 'contraction' : 'other';
      // The items of one loop are computed together.
      const loop = node.op === 'item' ? node.inputs[0] : undefined;
      const group = (loop && this.loops.get(loop)) ?? this.create(kind, { shape: node.shape, axes: [] });
      if (loop !== undefined) this.loops.set(loop, group);
      this.enter(node, group, reads);
      return;
    }
    for (const group of this.candidates(reads)) {
      const space = this.commonSpace(group, node);
      if (space === undefined || this.wouldCycle(group, reads) || !this.aligned(group, space, node)) continue;
      group.space = space;
      this.enter(node, group, reads);
      return;
    }
    this.enter(node, this.create('loop', spaceOf(node)), reads);
  }

  /** Stored nodes and leaves that the expression of `node` loads. */
  private readsOf(node: Node): Set<Node> {
    const reads = new Set<Node>();
    const seen = new Set<Node>();
    const stack = [...node.inputs];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      if (this.stored.has(next) || this.isLeaf(next)) reads.add(next);
      else stack.push(...next.inputs);
    }
    return reads;
  }

  private create(kind: Group['kind'], space: Space): Group {
    const group: Group = { kind, space, members: [], needs: new Set() };
    this.groups.push(group);
    return group;
  }

  private enter(node: Node, group: Group, reads: ReadonlySet<Node>): void {
    group.members.push(node);
    this.groupOf.set(node, group);
    for (const read of reads) {
      const source = this.groupOf.get(read);
      if (source !== undefined && source !== group) group.needs.add(source);
      let readers = this.readers.get(read);
      if (readers === undefined) this.readers.set(read, (readers = new Set()));
      readers.add(group);
    }
  }

  /** Groups whose results the node reads, newest first, and then groups that read the same things: they save a load, the others what lies between. */
  private candidates(reads: ReadonlySet<Node>): Group[] {
    const sources = new Set<Group>();
    const beside = new Set<Group>();
    for (const read of reads) {
      const source = this.groupOf.get(read);
      if (source !== undefined) sources.add(source);
      // What very many kernels read (a learning rate) says nothing about belonging together.
      const readers = this.readers.get(read);
      if (readers !== undefined && readers.size <= 8) for (const reader of readers) beside.add(reader);
    }
    return [...new Set([...[...sources].reverse(), ...[...beside].reverse()])].filter(
      (group) => group.kind !== 'other' && group.members.length < LARGEST_GROUP,
    );
  }

  /** The loops in which both the group and the node can be computed, if there are any worth having. */
  private commonSpace(group: Group, node: Node): Space | undefined {
    const { space } = group;
    const points = sizeOf(space.shape);
    if (group.kind === 'contraction') {
      const fits =
        !isReduction(node) && sizeOf(node.shape) === points && group.members.length <= LARGEST_EPILOGUE;
      return fits && this.readsOf(node).size <= 2 + LARGEST_EPILOGUE ? space : undefined;
    }
    const isMap = space.axes.length === 0;
    if (!isReduction(node)) {
      const size = sizeOf(node.shape);
      if (isMap) return size === points ? space : undefined;
      return worthRows(space) && (size === points || size === count(space, false)) ? space : undefined;
    }
    const wanted = spaceOf(node);
    if (iterationSize(node) !== points) return undefined;
    if (isMap)
      return worthRows(wanted) && group.members.every((member) => sizeOf(member.shape) === points)
        ? wanted
        : undefined;
    return worthRows(space) && count(space, false) === count(wanted, false) ? space : undefined;
  }

  private aligned(group: Group, space: Space, node: Node): boolean {
    const { kind, members } = group;
    try {
      let trial = this.trials.get(group);
      this.trials.delete(group);
      if (trial?.space === space) trial.add(node);
      else trial = this.trialOf({ kind, space, members: [...members, node] });
      let expressions = 0;
      visit(
        trial.members.map((member) => member.value),
        () => {
          expressions++;
        },
      );
      if (expressions > LARGEST_KERNEL) return false;
      this.trials.set(group, trial);
      return true;
    } catch (error) {
      if (error instanceof Misaligned) return false;
      throw error;
    }
  }

  private trialOf(group: Pick<Group, 'kind' | 'members' | 'space'>): GroupLowering {
    const bufferOf = (node: Node): number | undefined =>
      this.stored.has(node) || this.isLeaf(node) ? 0 : undefined;
    return new GroupLowering(group, bufferOf, this.scalarSlots, this.setting);
  }

  /** Whether something the node reads needs the group: then the group cannot contain the node. */
  private wouldCycle(group: Group, reads: ReadonlySet<Node>): boolean {
    const seen = new Set<Group>();
    const stack: Group[] = [];
    for (const read of reads) {
      const source = this.groupOf.get(read);
      if (source !== undefined && source !== group) stack.push(source);
    }
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (next === group) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      stack.push(...next.needs);
    }
    return false;
  }
}

/** A row kernel runs row by row: it needs rows for all threads, unless it is small anyway. */
function worthRows(space: Space): boolean {
  return count(space, false) >= FEWEST_ROWS || sizeOf(space.shape) <= SMALL;
}

function spaceOf(node: Node): Space {
  return isReduction(node)
    ? { shape: (node.inputs[0] as Node).shape, axes: reducedAxes(node) }
    : { shape: node.shape, axes: [] };
}
