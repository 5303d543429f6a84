/** What the lowering must know of the machine that its loops are for. */
import type { MachineTraits, WinogradCosts } from '../../compiler/machine-traits.js';

/** The tile of the matrix kernel: as many sums as the registers hold beside a row of the one operand and an element of the other. */
export interface TileShape {
  readonly rows: number;
  /** Vectors of columns. */
  readonly vectors: number;
  /** Steps of k that are written out one after the other. */
  readonly unroll: number;
}

export interface Machine {
  /** What decisions of the compiler depend on. */
  readonly traits: MachineTraits;
  /** Lanes of a vector of float32, a power of two. */
  readonly lanes: number;
  readonly tile: TileShape;
  /** Vector registers. */
  readonly registers: number;
  /** Whether single lanes can be left out of loads and stores, and lanes be permuted by a vector. */
  readonly masks: boolean;
  /** Whether lanes can be stored each to its own place. */
  readonly scatters: boolean;
  /** Whether there is an instruction for sums of products of bytes. */
  readonly dotBytes: boolean;
  /** Bytes of a core's second-level cache. Where nothing is said, data are cut so that they fit any. */
  readonly level2?: number;
}

/** Measured with 4 and 8 lanes. Wider vectors make everything faster alike, except for starting a step. */
const WINOGRAD: WinogradCosts = {
  input: 350,
  output: 270,
  filter: 390,
  gradientTile: 350,
  gradientPart: 150,
  worth: 400_000,
};

/**
 * WebAssembly with 128-bit vectors: V8 uses 15 registers, which 12 sums, 2 vectors and 1 element fill. Unrolled loops it reorders, and then runs
 * out of registers.
 */
export const WASM_MACHINE: Machine = {
  traits: { winograd: WINOGRAD },
  lanes: 4,
  tile: { rows: 6, vectors: 2, unroll: 1 },
  registers: 15,
  masks: false,
  scatters: false,
  dotBytes: false,
};
/** Intel's server cores have had 1 MiB since Skylake. */
const X64_LEVEL2 = 1024 * 1024;
export const AVX2_MACHINE: Machine = {
  traits: { winograd: { ...WINOGRAD, worth: 800_000 } },
  lanes: 8,
  tile: { rows: 6, vectors: 2, unroll: 4 },
  registers: 16,
  masks: true,
  scatters: false,
  dotBytes: false,
  level2: X64_LEVEL2,
};
/** Without what only some of these processors have; see x64/target.ts. */
export const AVX512_MACHINE: Machine = {
  // Here transforms wait for the second-level cache.
  traits: {
    winograd: {
      input: 440,
      output: 370,
      filter: 800,
      gradientTile: 440,
      gradientPart: 300,
      worth: 1_500_000,
    },
  },
  lanes: 16,
  tile: { rows: 6, vectors: 4, unroll: 4 },
  registers: 32,
  masks: true,
  scatters: true,
  dotBytes: false,
  level2: X64_LEVEL2,
};
/**
 * 24 sums, 4 vectors and 1 element of 32 registers. Elements stay scalars, which multiplications take as they are; so there are 10 loads to 24 of
 * these, and wide panels pass remainders better than tall tiles (8 x 3) would.
 */
export const ARM64_MACHINE: Machine = {
  traits: { winograd: WINOGRAD },
  lanes: 4,
  tile: { rows: 6, vectors: 4, unroll: 4 },
  registers: 32,
  masks: false,
  scatters: false,
  dotBytes: false,
};

/** Columns of a panel, which is as wide as a tile. */
export const panelWidth = ({ lanes, tile }: Machine): number => tile.vectors * lanes;

/** Bytes of whole cache lines that hold as many. */
export const wholeLines = (bytes: number): number => Math.ceil(bytes / 64) * 64;
