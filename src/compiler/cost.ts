/** The least that a kernel has to do: arithmetic, and traffic with the memory. What a profile measures kernels by. */
import { isFloat } from '../core/dtype.js';
import { flopsOf, pointsOf, pointsOfIndex, sizeOfLoops } from './cost-arithmetic.js';
import { bytesOf, type Touched } from './cost-traffic.js';
import type { Index, Variable } from './index-expr.js';
import type {
  BufferInfo,
  ContractionKernel,
  Kernel,
  LoopKernel,
  Operand,
  WinogradFilterKernel,
  WinogradGradientKernel,
  WinogradKernel,
} from './kernel.js';
import { dataOf, visit, type Scalar } from './scalar-expr.js';

export interface KernelCost {
  /** Bytes of all that is read, each element once, however many threads and loops read it. What the kernel itself has written does not count. */
  readonly bytesRead: number;
  /** Bytes of all that is written, each element once. */
  readonly bytesWritten: number;
  /**
   * Floating-point operations by definition: 2mnk for a product, the direct sum for a convolution, and otherwise one for each operation
   * on an element, transcendental or not. This is what makes speeds of different algorithms comparable.
   */
  readonly flops: number;
  /** Those that the algorithm carries out: fewer than `flops` in Winograd's convolutions, which save multiplications. */
  readonly executedFlops: number;
}

interface Demands {
  readonly reads: readonly Touched[];
  readonly writes: readonly Touched[];
  readonly flops: number;
  readonly executedFlops?: number;
}

/** What `kernel` costs at the least; `buffers` are those of its program. A scan costs what its kernels do, as often as it runs them. */
export function kernelCost(kernel: Kernel, buffers: readonly BufferInfo[]): KernelCost {
  if (kernel.kind === 'scan') {
    const costs = kernel.body.flat().map((inner) => kernelCost(inner, buffers));
    const total = (part: keyof KernelCost): number =>
      kernel.length * costs.reduce((sum, cost) => sum + cost[part], 0);
    return {
      bytesRead: total('bytesRead'),
      bytesWritten: total('bytesWritten'),
      flops: total('flops'),
      executedFlops: total('executedFlops'),
    };
  }
  const { reads, writes, flops, executedFlops = flops } = demandsOf(kernel, buffers);
  return { bytesRead: bytesOf(reads, buffers), bytesWritten: bytesOf(writes, buffers), flops, executedFlops };
}

function demandsOf(kernel: Exclude<Kernel, { kind: 'scan' }>, buffers: readonly BufferInfo[]): Demands {
  switch (kernel.kind) {
    case 'loop':
      return loopDemands(kernel);
    case 'contraction':
      return contractionDemands(kernel);
    case 'winograd':
      return winogradDemands(kernel, buffers);
    case 'winogradFilter':
      return winogradFilterDemands(kernel, buffers);
    case 'winogradGradient':
      return winogradGradientDemands(kernel, buffers);
    case 'scatter': {
      const { outer, position, inner, target, value } = kernel;
      const all = [outer, position, inner];
      return {
        reads: loadsOf([target, value], all),
        writes: [whole(kernel.buffer, buffers)],
        flops: flopsOf([target, value], all) + (isFloat(kernel.dtype) ? sizeOfLoops(all) : 0),
      };
    }
    case 'cumulative': {
      const all = [kernel.outer, kernel.position, kernel.inner];
      return {
        reads: loadsOf([kernel.value], all),
        writes: [whole(kernel.buffer, buffers)],
        flops: flopsOf([kernel.value], all) + (isFloat(kernel.dtype) ? sizeOfLoops(all) : 0),
      };
    }
    case 'sort':
      // Comparisons depend on the data, and are no arithmetic.
      return {
        reads: [whole(kernel.source, buffers)],
        writes: [whole(kernel.buffer, buffers)],
        flops: 0,
      };
  }
}

function loopDemands({ rows, columns, stages }: LoopKernel): Demands {
  const written = new Set<string>();
  const reads: Touched[] = [];
  const writes: Touched[] = [];
  let folded = 0;
  for (const stage of stages) {
    const used = stage.kind === 'store' ? [stage.value, ...dataOf(stage.index)] : [stage.value];
    reads.push(...loadsOf(used, rows, written));
    if (stage.kind === 'store') {
      written.add(placeKey(stage.buffer, stage.index));
      writes.push(touched(stage.buffer, stage.index, pointsOfIndex(stage.index, rows)));
    } else if (isFloat(stage.value.dtype)) folded += sizeOfLoops(rows) * sizeOfLoops(columns);
  }
  const values = stages.map(({ value }) => value);
  return { reads, writes, flops: flopsOf(values, rows) + folded };
}

function contractionDemands(kernel: ContractionKernel): Demands {
  const { a, b, batch, m, n, k, stores } = kernel;
  const results = [...batch, ...m, ...n];
  const epilogue = storeDemands(stores, results);
  return {
    reads: [operandPart(a), operandPart(b), ...epilogue.reads],
    writes: epilogue.writes,
    flops: (isFloat(kernel.dtype) ? 2 * sizeOfLoops(results) * sizeOfLoops(k) : 0) + epilogue.flops,
  };
}

// Winograd's minimal filtering: tiles of 6x6 inputs, hence 36 products for each tile and pair of channels; results (or elements of the filter) come
// in tiles of 4x4. Operations of the transforms are those of targets/cpu/winograd-transforms.ts: of a line, times the lines of a tile.
const POINTS = 36;
const TILE_RESULTS = 16;
const INPUT_TRANSFORM = 12 * 20;
const FILTER_TRANSFORM = 9 * 12;
const OUTPUT_TRANSFORM = 10 * 13;
const LONG_FILTER_TRANSFORM = 10 * 15;
const SHORT_OUTPUT_TRANSFORM = 9 * 11;
const FILTER_SIZE = 9;

function winogradDemands(kernel: WinogradKernel, buffers: readonly BufferInfo[]): Demands {
  const { image, outChannel, y, x, channel, stores } = kernel;
  const results = [image, outChannel, y, x];
  const epilogue = storeDemands(stores, results);
  const pairs = channel.extent * outChannel.extent;
  // As if no tile were cut off at a border.
  const tiles = (image.extent * y.extent * x.extent) / TILE_RESULTS;
  const transforms = INPUT_TRANSFORM * channel.extent + OUTPUT_TRANSFORM * outChannel.extent;
  return {
    reads: [operandPart(kernel.input), whole(kernel.filters, buffers), ...epilogue.reads],
    writes: epilogue.writes,
    flops: 2 * FILTER_SIZE * sizeOfLoops(results) * channel.extent + epilogue.flops,
    executedFlops: Math.round(tiles * (2 * POINTS * pairs + transforms)) + epilogue.flops,
  };
}

/** Has no part in the direct sum, so that its operations are none of the definition's. */
function winogradFilterDemands(kernel: WinogradFilterKernel, buffers: readonly BufferInfo[]): Demands {
  return {
    reads: [operandPart(kernel.source)],
    writes: [whole(kernel.buffer, buffers)],
    flops: 0,
    executedFlops: FILTER_TRANSFORM * kernel.channel.extent * kernel.outChannel.extent,
  };
}

function winogradGradientDemands(kernel: WinogradGradientKernel, buffers: readonly BufferInfo[]): Demands {
  const { image, outChannel, channel, filterRow, filterColumn } = kernel;
  const pairs = image.extent * outChannel.extent;
  const positions = channel.extent * filterRow.extent * filterColumn.extent;
  const sides = INPUT_TRANSFORM * image.extent + LONG_FILTER_TRANSFORM * outChannel.extent;
  const results = whole(kernel.buffer, buffers);
  return {
    reads: [operandPart(kernel.input), operandPart(kernel.filter)],
    writes: [results],
    flops: 2 * positions * FILTER_SIZE * pairs,
    executedFlops: Math.round(
      (positions / TILE_RESULTS) * (2 * POINTS * pairs + sides) +
        (results.points / FILTER_SIZE) * SHORT_OUTPUT_TRANSFORM,
    ),
  };
}

function storeDemands(stores: ContractionKernel['stores'], results: readonly Variable[]): Demands {
  const values = stores.flatMap(({ value, index }) => [value, ...dataOf(index)]);
  return {
    reads: loadsOf(values, results),
    writes: stores.map(({ buffer, index }) => touched(buffer, index, pointsOfIndex(index, results))),
    flops: flopsOf(values, results),
  };
}

/** What the scalars load, except from places that the kernel has `written` before. */
function loadsOf(
  scalars: readonly Scalar[],
  rows: readonly Variable[],
  written: ReadonlySet<string> = new Set(),
): Touched[] {
  const parts = new Map<string, Touched>();
  visit(scalars, (scalar) => {
    if (scalar.kind !== 'load') return;
    const { buffer, index } = scalar;
    const key = placeKey(buffer, index);
    if (!written.has(key)) parts.set(key, touched(buffer, index, pointsOf(scalar, rows)));
  });
  return [...parts.values()];
}

const placeKey = (buffer: number, index: Index): string => `${buffer}:${index.key}`;

const touched = (buffer: number, { min, max }: Index, points: number): Touched => ({
  buffer,
  low: min,
  high: max + 1,
  points,
});

function whole(buffer: number, buffers: readonly BufferInfo[]): Touched {
  const size = buffers[buffer]?.size ?? 0;
  return { buffer, low: 0, high: size, points: size };
}

function operandPart({ buffer, offset, strides }: Operand): Touched {
  let [low, high, points] = [offset, offset, 1];
  for (const [{ extent }, stride] of strides) {
    const reach = stride * (extent - 1);
    if (reach > 0) high += reach;
    else low += reach;
    if (stride !== 0) points *= extent;
  }
  return { buffer, low, high: high + 1, points };
}
