/** What the compiler's decisions depend on of the machine that a program is for. Figures are given by whoever knows the machine. */

/**
 * What parts of Winograd's convolutions cost, in multiplications of the matrix kernel: so many take as long. Vectors of any length speed up both alike, so that
 * figures of different machines are close to each other.
 */
export interface WinogradCosts {
  /** The transform of a tile of inputs for one channel, of a tile of products back, and of a filter. */
  readonly input: number;
  readonly output: number;
  readonly filter: number;
  /** In gradients of filters: the transform of a tile of either side for one channel, and of the sums of a part back, for one result. */
  readonly gradientTile: number;
  readonly gradientPart: number;
  /** What must be saved: a further step of the program, for the filters, costs some microseconds. */
  readonly worth: number;
}

export interface MachineTraits {
  readonly winograd: WinogradCosts;
}
