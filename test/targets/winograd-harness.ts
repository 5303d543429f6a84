import {
  add as addIndex,
  literal,
  ofVariable,
  scale,
  variable,
  type Variable,
} from '../../src/compiler/index-expr.js';
import type { WinogradFilterKernel, WinogradKernel } from '../../src/compiler/kernel.js';
import { filterSize } from '../../src/compiler/winograd.js';
import type { ContractionCode } from '../../src/targets/cpu/contraction.js';
import { Emitter } from '../../src/targets/cpu/emit.js';
import { FunctionLibrary } from '../../src/targets/cpu/function-library.js';
import { func, i32, load, type Builder, type Expr } from '../../src/targets/cpu/ir.js';
import { lowerWinograd, lowerWinogradFilter } from '../../src/targets/cpu/winograd.js';
import type { WinogradDevice } from '../support/winograd-devices.js';

export interface Convolution {
  readonly images: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly padding: number;
}

export interface PreparedWinograd {
  readonly code: ContractionCode;
  readonly out: Float32Array;
  /** With room for markers behind. */
  readonly scratch: Uint8Array;
  run(begin: number, end: number): void;
}

const INPUT = 0;
const WEIGHT = 1;
const FILTERS = 2;
const OUT = 3;

/** Axes of a contiguous array, outermost first, with their strides. */
function contiguous(...axes: Variable[]): Map<Variable, number> {
  let stride = 1;
  const strides = new Map<Variable, number>();
  for (const axis of [...axes].reverse()) {
    strides.set(axis, stride);
    stride *= axis.extent;
  }
  return strides;
}

const baseOf = (_: Builder, table: Expr, buffer: number): Expr => load('i32', table, buffer * 4);

/** Compiles both kernels, lays out memory and transforms the filters. */
export function prepareWinograd(
  { device, generator }: WinogradDevice,
  shape: Convolution,
  fill: () => number,
): PreparedWinograd {
  const { machine } = generator;
  const { padding } = shape;
  const [image, channel, outChannel] = [shape.images, shape.channels, shape.outChannels].map(variable) as [
    Variable,
    Variable,
    Variable,
  ];
  const [inputRow, inputColumn] = [variable(shape.height), variable(shape.width)];
  const [y, x] = [variable(shape.height + 2 * padding - 2), variable(shape.width + 2 * padding - 2)];
  const [row, column] = [variable(3), variable(3)];
  const operand = (buffer: number, ...axes: Variable[]): WinogradKernel['input'] => ({
    buffer,
    dtype: 'float32',
    offset: 0,
    strides: contiguous(...axes),
  });
  const kernel: WinogradKernel = {
    kind: 'winograd',
    name: 'conv',
    image,
    outChannel,
    y,
    x,
    channel,
    inputRow,
    inputColumn,
    input: operand(INPUT, image, channel, inputRow, inputColumn),
    padding: [padding, padding],
    filters: FILTERS,
    stores: [
      {
        buffer: OUT,
        index: [...contiguous(image, outChannel, y, x)].reduce(
          (sum, [v, stride]) => addIndex(sum, scale(ofVariable(v), stride)),
          literal(0),
        ),
        value: { kind: 'accumulator', dtype: 'float32' },
      },
    ],
  };
  const filterKernel: WinogradFilterKernel = {
    kind: 'winogradFilter',
    name: 'filters',
    outChannel,
    channel,
    row,
    column,
    source: operand(WEIGHT, outChannel, channel, row, column),
    buffer: FILTERS,
  };
  const library = new FunctionLibrary();
  const code = lowerWinograd(kernel, {
    machine,
    baseOf,
    library,
    results: (b, table, stores) => {
      const out = b.let(baseOf(b, table, OUT));
      const emitter = new Emitter({ b, machine, base: () => out, scalars: () => i32(0) });
      return {
        scope(bindings, body, vector) {
          emitter.scope(bindings, body, vector);
        },
        store(sum) {
          emitter.setAccumulator(sum);
          for (const { buffer, index, value } of stores)
            emitter.prepareStore(buffer, 'float32', index, value)();
        },
      };
    },
  });
  const filters = lowerWinogradFilter(filterKernel, { machine, baseOf, library });
  const exported = [code.entry, filters.entry];
  const functions = [...library.functions, ...code.functions, ...filters.functions].map((each) => ({
    ...each,
    exported: exported.includes(each.name),
  }));
  const sizes = [
    shape.images * shape.channels * shape.height * shape.width,
    shape.outChannels * shape.channels * 9,
    filterSize(shape.channels, shape.outChannels),
    shape.images * shape.outChannels * y.extent * x.extent,
  ];
  const { heap } = device.memory;
  // Room for markers behind each.
  const allocate = (bytes: number): number => heap.allocate(bytes + 256);
  const places = sizes.map((size) => allocate(size * 4));
  const table = allocate(places.length * 4);
  const scratch = allocate(code.scratchBytes);
  heap.view('int32', table, places.length).set(places);
  const view = (buffer: number): Float32Array =>
    heap.view('float32', places[buffer] ?? 0, sizes[buffer] ?? 0) as Float32Array;
  for (const buffer of [INPUT, WEIGHT]) view(buffer).forEach((_, i, all) => (all[i] = fill()));
  // Programs have an entry of this name.
  const run = func('run', [], () => undefined, true);
  const generated = generator.place(generator.encode({ functions: [...functions, run] }));
  generated.function(filters.entry)(table, 0, filters.units, 0);
  return {
    code,
    out: view(OUT),
    scratch: heap.view('uint8', scratch, code.scratchBytes + 256) as Uint8Array,
    run: (begin, stop) => {
      generated.function(code.entry)(table, begin, stop, scratch);
    },
  };
}
