/** What a kernel reads and writes. */
import { dataOf, visit, type Scalar } from './scalar-expr.js';
import type { Kernel } from './kernel.js';

export interface Accesses {
  readonly reads: Set<number>;
  readonly writes: Set<number>;
  /** Slots of the numbers that come with each run. */
  readonly scalars: Set<number>;
}

/** The scalars that a kernel evaluates. */
function scalarsOf(kernel: Kernel): Scalar[] {
  switch (kernel.kind) {
    case 'loop':
      return kernel.stages.flatMap((stage) =>
        stage.kind === 'store' ? [stage.value, ...dataOf(stage.index)] : [stage.value],
      );
    case 'contraction':
    case 'winograd':
      return kernel.stores.map((store) => store.value);
    case 'scatter':
      return [kernel.target, kernel.value];
    case 'cumulative':
      return [kernel.value];
    case 'winogradFilter':
    case 'winogradGradient':
    case 'sort':
    case 'scan':
      return [];
  }
}

const known = new WeakMap<Kernel, Accesses>();

export function accessesOf(kernel: Kernel): Accesses {
  let accesses = known.get(kernel);
  if (accesses === undefined) known.set(kernel, (accesses = findAccesses(kernel)));
  return accesses;
}

function findAccesses(kernel: Kernel): Accesses {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const scalars = new Set<number>();
  visit(scalarsOf(kernel), (scalar) => {
    if (scalar.kind === 'load') reads.add(scalar.buffer);
    else if (scalar.kind === 'scalar') scalars.add(scalar.slot);
  });
  switch (kernel.kind) {
    case 'loop':
      for (const stage of kernel.stages) if (stage.kind === 'store') writes.add(stage.buffer);
      break;
    case 'contraction':
      reads.add(kernel.a.buffer).add(kernel.b.buffer);
      for (const store of kernel.stores) writes.add(store.buffer);
      break;
    case 'winograd':
      reads.add(kernel.input.buffer).add(kernel.filters);
      for (const store of kernel.stores) writes.add(store.buffer);
      break;
    case 'winogradFilter':
      reads.add(kernel.source.buffer);
      writes.add(kernel.buffer);
      break;
    case 'winogradGradient':
      reads.add(kernel.input.buffer).add(kernel.filter.buffer);
      writes.add(kernel.buffer);
      break;
    case 'scatter':
    case 'cumulative':
      writes.add(kernel.buffer);
      break;
    case 'sort':
      reads.add(kernel.source);
      writes.add(kernel.buffer).add(kernel.scratch);
      break;
    case 'scan':
      for (const step of kernel.body) {
        for (const inner of step) {
          const own = accessesOf(inner);
          own.reads.forEach((buffer) => reads.add(buffer));
          own.writes.forEach((buffer) => writes.add(buffer));
          own.scalars.forEach((slot) => scalars.add(slot));
        }
      }
      for (const { from, to } of [...kernel.initial, ...kernel.carries]) {
        reads.add(from);
        writes.add(to);
      }
      for (const { buffer, whole } of kernel.windows) {
        if (reads.has(buffer)) reads.add(whole);
        if (writes.has(buffer)) writes.add(whole);
      }
      break;
  }
  return { reads, writes, scalars };
}
