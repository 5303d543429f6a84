/** Graph → kernels in steps, with memory for everything in between. */
import { bytesPerElement, type DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { sizeOf, type Shape } from '../core/shape.js';
import { barrier } from '../graph/build.js';
import { isOp, topologicalOrder, type Node } from '../graph/node.js';
import { accessesOf } from './accesses.js';
import { contractionKernel, isStridedView } from './contraction.js';
import { convolutionMethod } from './convolution-method.js';
import { Grouping, lowerGroup, type Group } from './groups.js';
import { flatten, ofVariable, unflatten, variable, type Variable } from './index-expr.js';
import type {
  BufferInfo,
  ContractionKernel,
  Kernel,
  KernelProgram,
  LoopKernel,
  Stage,
  Step,
} from './kernel.js';
import { shapeLoops } from './loop-nest.js';
import { Lowering } from './lower.js';
import type { MachineTraits } from './machine-traits.js';
import { steadiness, type Setting } from './setting.js';
import { planMemory, type Life } from './memory.js';
import { splitPreparation } from './preparation.js';
import { readsInPlaceOnly } from './overwrite.js';
import { chooseStored } from './partition.js';
import { cutContraction, cutOf } from './parts.js';
import { reuseAcrossPasses } from './reuse.js';
import type { Scalar } from './scalar-expr.js';
import { simplify } from './simplify.js';
import { partsSize, winogradGradientKernels } from './winograd-gradient.js';
import { filterSize, winogradKernels } from './winograd.js';
import { BufferUsers, inSteps, reachableFrom, readsFrom, type Planned } from './steps.js';
import { sumOfParts } from './sum-of-parts.js';

/** What is to be compiled; see the runtime's ProgramGraph. */
export interface CompilerInput {
  readonly inputs: readonly Node[];
  readonly scalars: readonly Node[];
  readonly outputs: readonly Node[];
  readonly overwrites: readonly (number | undefined)[];
  readonly steady?: readonly boolean[];
}

const TEMPORARY = { kind: 'temporary' } as const;
const outputRole = (index: number): BufferInfo['role'] => ({ kind: 'output', index });

/** Compiles a graph to kernels for a machine; any other can run them, too. */
export function compileGraph(graph: CompilerInput, traits: MachineTraits): KernelProgram {
  const setting: Setting = { ...traits, isSteady: steadiness(graph.inputs, graph.steady) };
  const assembler = new Assembler(graph.scalars, setting);
  graph.inputs.forEach((node, index) => {
    assembler.define(
      node,
      assembler.addBuffer({ dtype: node.dtype, size: sizeOf(node.shape), role: { kind: 'input', index } }),
    );
  });
  const isInput = new Set(graph.inputs);
  const simplified = distinct(
    simplify(graph.outputs, (node) => isInput.has(node), setting),
    isInput,
  );
  const places = simplified.map((node, index) => {
    const role = graph.overwrites[index] === undefined ? outputRole(index) : TEMPORARY;
    const place = assembler.addBuffer({ dtype: node.dtype, size: sizeOf(node.shape), role });
    assembler.define(node, place);
    return place;
  });
  const planned = assembler.plan(simplified, isInput);
  const users = new BufferUsers(planned);
  graph.overwrites.forEach((input, index) => {
    if (input !== undefined) assembler.overwrite(planned, users, places[index] ?? -1, input, index);
  });
  return assembler.finish(planned, graph.steady);
}

/** Every output needs a node of its own that some kernel computes. */
function distinct(nodes: readonly Node[], inputs: ReadonlySet<Node>): Node[] {
  const seen = new Set<Node>();
  return nodes.map((node) => {
    const own = inputs.has(node) || seen.has(node) ? barrier(node) : node;
    seen.add(own);
    return own;
  });
}

class Assembler {
  private readonly buffers: BufferInfo[] = [];
  private readonly places = new Map<Node, number>();
  private readonly scalarSlots = new Map<Node, number>();
  private readonly scalarTypes: DType[];
  /** Kernels that make something ready for another. */
  private readonly preparations = new Map<Kernel, Kernel>();
  private readonly setting: Setting;

  constructor(scalars: readonly Node[], setting: Setting) {
    this.setting = setting;
    scalars.forEach((node, slot) => this.scalarSlots.set(node, slot));
    this.scalarTypes = scalars.map((node) => node.dtype);
  }

  addBuffer(info: BufferInfo): number {
    this.buffers.push(info);
    return this.buffers.length - 1;
  }

  private temporary(dtype: DType, size: number): number {
    return this.addBuffer({ dtype, size, role: TEMPORARY });
  }

  define(node: Node, buffer: number): void {
    this.places.set(node, buffer);
  }

  private bufferOf(node: Node): number {
    let buffer = this.places.get(node);
    if (buffer === undefined)
      this.places.set(node, (buffer = this.temporary(node.dtype, sizeOf(node.shape))));
    return buffer;
  }

  /** The kernels that compute `outputs`; those with a place already are written there. */
  plan(outputs: readonly Node[], leaves: ReadonlySet<Node>): Planned[] {
    const isLeaf = (node: Node): boolean => leaves.has(node);
    const order = topologicalOrder(outputs, true);
    const stored = chooseStored(order, outputs, isLeaf, isStridedView);
    const isStored = (node: Node): boolean => stored.has(node) || isLeaf(node);
    const grouping = new Grouping(order, stored, isLeaf, this.scalarSlots, this.setting);
    const read = readOutside(grouping, outputs);
    const plannedOf = new Map<Group, Planned>();
    for (const group of grouping.groups) {
      const kernel = this.kernelOf(group, isStored, read);
      if (kernel !== undefined) plannedOf.set(group, { kernel, needs: new Set() });
    }
    const preparing: Planned[] = [];
    for (const [group, { kernel, needs }] of plannedOf) {
      const before = this.preparations.get(kernel);
      const preparation = before === undefined ? undefined : { kernel: before, needs: new Set<Planned>() };
      for (const needed of group.needs) {
        const other = plannedOf.get(needed);
        if (other === undefined) continue;
        needs.add(other);
        if (preparation !== undefined && readsFrom(preparation.kernel, other.kernel))
          preparation.needs.add(other);
      }
      if (preparation !== undefined) {
        needs.add(preparation);
        preparing.push(preparation);
      }
    }
    return [...preparing, ...plannedOf.values()];
  }

  private kernelOf(
    group: Group,
    isStored: (node: Node) => boolean,
    read: ReadonlySet<Node>,
  ): Kernel | undefined {
    const bufferIfStored = (node: Node): number | undefined =>
      isStored(node) ? this.bufferOf(node) : undefined;
    if (group.kind === 'other') return this.specialKernel(group, bufferIfStored);
    const lowered = lowerGroup(group, bufferIfStored, this.scalarSlots, this.setting);
    const name = group.members.map((node) => node.op).join('+');
    if (group.kind === 'contraction') {
      const stores = lowered.members
        .filter(({ node }) => read.has(node))
        .map(({ node, index, value }) => ({ buffer: this.bufferOf(node), index, value }));
      const node = group.members[0] as Node;
      const method = convolutionMethod(node, this.setting);
      if (method === 'winogradGradient' && isOp(node, 'conv'))
        return this.winogradGradient(name, node, lowered.variables, stores, bufferIfStored);
      if (method === 'winograd' && isOp(node, 'conv'))
        return this.winogradKernel(name, node, lowered.variables, stores, bufferIfStored);
      return this.contraction(name, node, lowered.variables, stores, bufferIfStored);
    }
    const stages: Stage[] = [];
    for (const { node, value, index, slot, position } of lowered.members) {
      if (slot !== undefined) {
        stages.push({ kind: 'reduce', slot, combiner: combinerOf(node), value, dtype: node.dtype, position });
      }
      if (!read.has(node)) continue;
      const result: Scalar = slot === undefined ? value : { kind: 'reduced', dtype: node.dtype, slot };
      stages.push({ kind: 'store', buffer: this.bufferOf(node), index, value: result });
    }
    if (group.members.every((node) => sizeOf(node.shape) === 0)) return undefined;
    return shapeLoops({
      kind: 'loop',
      name,
      rows: lowered.rows,
      columns: lowered.columns,
      stages: reuseAcrossPasses(stages, lowered.columns),
    });
  }

  private contraction(
    name: string,
    node: Node,
    variables: readonly Variable[],
    stores: ContractionKernel['stores'],
    bufferOf: (node: Node) => number | undefined,
  ): Kernel {
    const cut = cutOf(node, this.setting);
    if (cut === undefined)
      return contractionKernel(name, node, variables, stores, bufferOf, this.scalarSlots);
    const results = sizeOf(node.shape);
    const buffer = this.temporary('float32', cut.parts * results);
    const sum: ContractionKernel['stores'][number] = {
      buffer,
      index: flatten(variables.map(ofVariable), node.shape),
      value: { kind: 'accumulator', dtype: node.dtype },
    };
    const whole = contractionKernel(`${name}Parts`, node, variables, [sum], bufferOf, this.scalarSlots);
    const stages = stores.map((store): Stage => ({ kind: 'store', ...store }));
    const kernel = shapeLoops(sumOfParts(name, variables, { parts: cut.parts, buffer }, stages));
    this.preparations.set(kernel, cutContraction(whole, cut, results));
    return kernel;
  }

  private winogradKernel(
    name: string,
    node: Node<'conv'>,
    variables: readonly Variable[],
    stores: ContractionKernel['stores'],
    bufferOf: (node: Node) => number | undefined,
  ): Kernel {
    const [outChannels = 0, channels = 0] = node.inputs[1]?.shape ?? [];
    const filters = this.temporary('float32', filterSize(channels, outChannels));
    const lowering = this.loweringOf(bufferOf);
    const [preparation, kernel] = winogradKernels(name, node, variables, stores, lowering, filters);
    this.preparations.set(kernel, preparation);
    return kernel;
  }

  private winogradGradient(
    name: string,
    node: Node<'conv'>,
    variables: readonly Variable[],
    stores: ContractionKernel['stores'],
    bufferOf: (node: Node) => number | undefined,
  ): Kernel {
    const parts = this.temporary('float32', partsSize(node));
    const stages = stores.map((store): Stage => ({ kind: 'store', ...store }));
    const lowering = this.loweringOf(bufferOf);
    const [preparation, loop] = winogradGradientKernels(name, node, variables, stages, lowering, parts);
    const kernel = shapeLoops(loop);
    this.preparations.set(kernel, preparation);
    return kernel;
  }

  private loweringOf(bufferOf: (node: Node) => number | undefined): Lowering {
    return new Lowering((each) => {
      const buffer = bufferOf(each);
      return buffer === undefined ? undefined : { buffer };
    }, this.scalarSlots);
  }

  private specialKernel(group: Group, bufferOf: (node: Node) => number | undefined): Kernel | undefined {
    const node = group.members[0] as Node;
    if (node.op === 'item') return this.scanKernel(node.inputs[0] as Node<'scan'>, group.members);
    if (sizeOf(node.shape) === 0) return undefined;
    const lowering = this.loweringOf(bufferOf);
    if (isOp(node, 'scatterAdd')) {
      const [indices, updates] = node.inputs as [Node, Node];
      const { axis, size } = node.attributes;
      const end = axis + indices.shape.length;
      const [outer, position, inner] = axesAsVariables(updates.shape, axis, end);
      const at = [
        ...unflatten(ofVariable(outer), updates.shape.slice(0, axis)),
        ...unflatten(ofVariable(position), indices.shape),
        ...unflatten(ofVariable(inner), updates.shape.slice(end)),
      ];
      const target = lowering.at(indices, unflatten(ofVariable(position), indices.shape));
      const value = lowering.at(updates, at);
      return {
        kind: 'scatter',
        name: 'scatterAdd',
        outer,
        position,
        inner,
        target,
        value,
        dtype: node.dtype,
        buffer: this.bufferOf(node),
        size,
      };
    }
    if (isOp(node, 'cumsum')) {
      const x = node.inputs[0] as Node;
      const { axis } = node.attributes;
      const [outer, position, inner] = axesAsVariables(x.shape, axis, axis + 1);
      const at = [
        ...unflatten(ofVariable(outer), x.shape.slice(0, axis)),
        ofVariable(position),
        ...unflatten(ofVariable(inner), x.shape.slice(axis + 1)),
      ];
      return {
        kind: 'cumulative',
        name: 'cumsum',
        outer,
        position,
        inner,
        value: lowering.at(x, at),
        dtype: node.dtype,
        buffer: this.bufferOf(node),
      };
    }
    if (isOp(node, 'argsort')) {
      const x = node.inputs[0] as Node;
      const { axis, descending } = node.attributes;
      return {
        kind: 'sort',
        name: 'argsort',
        outer: sizeOf(x.shape.slice(0, axis)),
        length: x.shape[axis] ?? 1,
        inner: sizeOf(x.shape.slice(axis + 1)),
        descending,
        dtype: x.dtype,
        source: this.bufferOf(x),
        buffer: this.bufferOf(node),
        scratch: this.temporary('int32', sizeOf(node.shape)),
      };
    }
    throw new InternalError(`no kernel for ${node.op}`);
  }

  /** The body becomes kernels of its own, over buffers that are carried along or move through the sequences. */
  private scanKernel(loop: Node<'scan'>, items: readonly Node[]): Kernel {
    const { body, carries, sequences, length, reverse } = loop.attributes;
    const windows: { buffer: number; whole: number; bytes: number }[] = [];
    const initial: { from: number; to: number; bytes: number }[] = [];
    const copies: { from: number; to: number; bytes: number }[] = [];
    const resultBuffers = new Map<number, number>();
    for (const item of items) resultBuffers.set((item as Node<'item'>).attributes.index, this.bufferOf(item));

    const carried: number[] = [];
    body.parameters.forEach((formal, i) => {
      const given = this.bufferOf(loop.inputs[i] as Node);
      const bytes = sizeOf(formal.shape) * bytesPerElement(formal.dtype);
      if (i < carries) {
        const buffer = resultBuffers.get(i) ?? this.temporary(formal.dtype, sizeOf(formal.shape));
        initial.push({ from: given, to: buffer, bytes });
        carried.push(buffer);
        this.define(formal, buffer);
      } else if (i < carries + sequences) {
        const buffer = this.addBuffer({
          dtype: formal.dtype,
          size: sizeOf(formal.shape),
          role: { kind: 'window' },
        });
        windows.push({ buffer, whole: given, bytes });
        this.define(formal, buffer);
      } else this.define(formal, given);
    });

    const leaves = new Set<Node>(body.parameters);
    const results = distinct(
      simplify(body.results, (node) => leaves.has(node), this.setting),
      leaves,
    );
    results.forEach((node, i) => {
      const size = sizeOf(node.shape);
      const bytes = size * bytesPerElement(node.dtype);
      if (i < carries) {
        // The old carry may be read until the step ends.
        const buffer = this.temporary(node.dtype, size);
        this.define(node, buffer);
        copies.push({ from: buffer, to: carried[i] as number, bytes });
        return;
      }
      const whole = resultBuffers.get(i) ?? this.temporary(node.dtype, size * length);
      const buffer = this.addBuffer({ dtype: node.dtype, size, role: { kind: 'window' } });
      windows.push({ buffer, whole, bytes });
      this.define(node, buffer);
    });
    const steps = inSteps(this.plan(results, leaves));
    return { kind: 'scan', name: 'scan', length, reverse, body: steps, windows, initial, carries: copies };
  }

  /**
   * Puts output number `index` where `input` lies. If everybody else who reads the input can come first, and the writer itself reads
   * an element only where it writes it, the temporary `place` becomes the output; otherwise it is copied there last.
   */
  overwrite(planned: Planned[], users: BufferUsers, place: number, input: number, index: number): void {
    const info = this.buffers[place];
    const writer = users.writer(place);
    if (info === undefined || writer === undefined) return;
    const readers = users.readers(input).filter((each) => each !== writer);
    if (readsInPlaceOnly(writer.kernel, place, input) && !reachableFrom(readers).has(writer)) {
      this.buffers[place] = { ...info, role: outputRole(index) };
      for (const reader of readers) writer.needs.add(reader);
      return;
    }
    const output = this.addBuffer({ ...info, role: outputRole(index) });
    const v = variable(info.size);
    const value: Scalar = { kind: 'load', dtype: info.dtype, buffer: place, index: ofVariable(v), guard: [] };
    const stages: Stage[] = [{ kind: 'store', buffer: output, index: ofVariable(v), value }];
    const kernel: LoopKernel = { kind: 'loop', name: 'copy', rows: [v], columns: [], stages };
    planned.push({ kernel, needs: new Set([writer, ...readers]) });
  }

  finish(planned: readonly Planned[], steadyInputs: readonly boolean[] = []): KernelProgram {
    const roleOf = (buffer: number): BufferInfo['role'] | undefined => this.buffers[buffer]?.role;
    const { preparing, rest, reads, scalars, leaves } = splitPreparation(
      planned,
      (buffer) => {
        const role = roleOf(buffer);
        return role?.kind === 'input' && steadyInputs[role.index] === true;
      },
      (buffer) => roleOf(buffer)?.kind === 'temporary',
    );
    for (const buffer of leaves) {
      const info = this.buffers[buffer];
      if (info !== undefined) this.buffers[buffer] = { ...info, role: { kind: 'prepared' } };
    }
    const preparation = inSteps(preparing);
    const steps = inSteps(rest);
    const ordered = [...preparation, ...steps];
    const arena = planMemory(this.lives('temporary', ordered));
    // From the first run to the last: none shares its bytes with another.
    const prepared = planMemory(
      this.lives('prepared', ordered).map((life) => ({ ...life, first: 0, last: 0 })),
    );
    return {
      preparation,
      preparedFrom: {
        inputs: [...reads].flatMap((buffer) => {
          const role = roleOf(buffer);
          return role?.kind === 'input' ? [role.index] : [];
        }),
        scalars: [...scalars],
      },
      steps,
      buffers: this.buffers,
      scalars: this.scalarTypes,
      offsets: new Map([...arena.offsets, ...prepared.offsets]),
      arenaBytes: arena.bytes,
      preparedBytes: prepared.bytes,
    };
  }

  /** When buffers of a role are in use. */
  private lives(kind: BufferInfo['role']['kind'], steps: readonly Step[]): Life[] {
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    steps.forEach((step, i) => {
      for (const kernel of step) {
        const { reads, writes } = accessesOf(kernel);
        for (const buffer of [...reads, ...writes]) {
          if (!first.has(buffer)) first.set(buffer, i);
          last.set(buffer, i);
        }
      }
    });
    const lives: Life[] = [];
    this.buffers.forEach(({ role, dtype, size }, buffer) => {
      const from = first.get(buffer);
      if (role.kind !== kind || from === undefined) return;
      lives.push({
        buffer,
        bytes: size * bytesPerElement(dtype),
        first: from,
        last: last.get(buffer) ?? from,
      });
    });
    return lives;
  }
}

function combinerOf(node: Node): 'sum' | 'prod' | 'max' | 'min' | 'argmax' | 'argmin' {
  switch (node.op) {
    case 'sum':
    case 'prod':
    case 'argmax':
    case 'argmin':
      return node.op;
    case 'reduceMax':
      return 'max';
    case 'reduceMin':
      return 'min';
    default:
      throw new InternalError(`${node.op} is no reduction`);
  }
}

/** Three variables: the axes before `start`, those up to `end`, those after. */
function axesAsVariables(shape: Shape, start: number, end: number): [Variable, Variable, Variable] {
  return [
    variable(sizeOf(shape.slice(0, start))),
    variable(sizeOf(shape.slice(start, end))),
    variable(sizeOf(shape.slice(end))),
  ];
}

/** Stored nodes that are outputs or that a kernel other than their own reads: the only ones that are written. */
function readOutside(grouping: Grouping, outputs: readonly Node[]): Set<Node> {
  const read = new Set<Node>(outputs);
  for (const group of grouping.groups) {
    const seen = new Set<Node>();
    const stack = group.members.flatMap((member) => [...member.inputs]);
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const source = grouping.groupOf.get(next);
      if (source === undefined || source === group) stack.push(...next.inputs);
      else read.add(next);
    }
    if (group.kind === 'other') for (const member of group.members) read.add(member);
  }
  return read;
}
