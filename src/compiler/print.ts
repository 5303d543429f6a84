/** Kernels as text, for people. */
import { bytesPerElement } from '../core/dtype.js';
import type { Variable } from './index-expr.js';
import { formatIndex } from './index-expr.js';
import type { Kernel, KernelProgram, Operand, Step } from './kernel.js';
import { formatScalar } from './scalar-expr.js';

const loops = (variables: readonly Variable[]): string =>
  variables.map((v) => `i${v.id}<${v.extent}`).join(' ') || '1';

function operand({ buffer, offset, strides }: Operand): string {
  const terms = [...strides].map(([v, stride]) => `${stride === 1 ? '' : `${stride}*`}i${v.id}`);
  return `b${buffer}[${[...terms, ...(offset === 0 ? [] : [offset])].join(' + ') || '0'}]`;
}

/** One kernel: its loops, then what it computes and writes. */
export function formatKernel(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'loop':
      return [
        `loop ${kernel.name}: rows ${loops(kernel.rows)}${kernel.columns.length === 0 ? '' : `, columns ${loops(kernel.columns)}`}`,
        ...kernel.stages.map((stage) =>
          stage.kind === 'reduce'
            ? `  r${stage.slot} = ${stage.combiner} ${formatScalar(stage.value)}`
            : `  b${stage.buffer}[${formatIndex(stage.index)}] = ${formatScalar(stage.value)}`,
        ),
      ].join('\n');
    case 'contraction':
      return [
        `contraction ${kernel.name}: batch ${loops(kernel.batch)}, m ${loops(kernel.m)}, n ${loops(kernel.n)}, k ${loops(kernel.k)}`,
        `  acc = sum over k of ${operand(kernel.a)} * ${operand(kernel.b)}`,
        ...kernel.stores.map(
          ({ buffer, index, value }) => `  b${buffer}[${formatIndex(index)}] = ${formatScalar(value)}`,
        ),
      ].join('\n');
    case 'winograd':
      return [
        `winograd ${kernel.name}: ${loops([kernel.image, kernel.outChannel, kernel.y, kernel.x])}, k ${loops([kernel.channel])} 3 3`,
        `  acc = 3x3 convolution of ${operand(kernel.input)}, rows ${loops([kernel.inputRow, kernel.inputColumn])}, with the filters in b${kernel.filters}`,
        ...kernel.stores.map(
          ({ buffer, index, value }) => `  b${buffer}[${formatIndex(index)}] = ${formatScalar(value)}`,
        ),
      ].join('\n');
    case 'winogradFilter':
      return `winograd filters: b${kernel.buffer} = transformed ${operand(kernel.source)}, ${loops([kernel.outChannel, kernel.channel, kernel.row, kernel.column])}`;
    case 'winogradGradient':
      return `winograd parts: b${kernel.buffer} = 3x3 convolution of ${operand(kernel.input)} with ${operand(kernel.filter)}, ${loops([kernel.outChannel, kernel.image])}, k ${loops([kernel.channel, kernel.filterRow, kernel.filterColumn])}`;
    case 'scatter':
      return `scatter: b${kernel.buffer}[${formatScalar(kernel.target)} < ${kernel.size}] += ${formatScalar(kernel.value)}`;
    case 'cumulative':
      return `running sum: b${kernel.buffer} of ${formatScalar(kernel.value)}`;
    case 'sort':
      return `sort: b${kernel.buffer} = order of b${kernel.source}, ${kernel.outer * kernel.inner} rows of ${kernel.length}`;
    case 'scan':
      return [
        `scan: ${kernel.length} times${kernel.reverse ? ', backwards' : ''}`,
        ...kernel.body.flatMap((step) => step.map((inner) => formatKernel(inner).replaceAll(/^/gm, '  '))),
      ].join('\n');
  }
}

/** All steps of a program; kernels of one step run side by side. */
export function formatKernels({ preparation, steps }: KernelProgram): string {
  const format = (title: string, list: readonly Step[]): string[] =>
    list.map((step, i) => `${title} ${i}\n${step.map(formatKernel).join('\n').replaceAll(/^/gm, '  ')}`);
  return [
    ...format('preparation (when parameters have changed)', preparation),
    ...format('step', steps),
  ].join('\n');
}

/** What lies where. */
export function formatMemory(program: KernelProgram): string {
  const lines = program.buffers.map(({ dtype, size, role }, buffer) => {
    const bytes = size * bytesPerElement(dtype);
    const place =
      role.kind === 'temporary'
        ? `arena at ${program.offsets.get(buffer) ?? 'nowhere (unused)'}`
        : role.kind === 'prepared'
          ? `prepared at ${program.offsets.get(buffer) ?? 'nowhere (unused)'}`
          : role.kind === 'window'
            ? 'window'
            : `${role.kind} ${role.index}`;
    return `b${buffer}: ${dtype} x ${size} (${bytes} bytes), ${place}`;
  });
  const prepared = program.preparedBytes === 0 ? [] : [`prepared: ${program.preparedBytes} bytes`];
  return [`arena: ${program.arenaBytes} bytes`, ...prepared, ...lines].join('\n');
}
