import '../tensor/methods.js';
import { scaled, stateless, type Transformation } from './transformation.js';

/** Which parameters shrink: all, unless told. Biases and scales are often left out: `(path) => !path.endsWith('bias')`. */
export type DecayFilter = (path: string) => boolean;

/** Options of weight decay. */
export interface DecayOptions {
  /** How strongly parameters are drawn towards 0; 0 unless told. */
  readonly weightDecay?: number;
  /** Which parameters; all unless told. */
  readonly decays?: DecayFilter;
}

/** L2 regularisation before other stages, or decoupled weight decay after them (Loshchilov and Hutter 2019): adds `weightDecay` · w. */
export function addDecay({ weightDecay = 0, decays = () => true }: DecayOptions): Transformation[] {
  if (weightDecay === 0) return [];
  return [
    stateless((direction, { parameter, path }) =>
      decays(path) ? direction.add(scaled(parameter, weightDecay)) : direction,
    ),
  ];
}

/** L1 regularisation: adds `strength` · sign(w), which drives weights to exactly 0. */
export function addL1({
  l1 = 0,
  decays = () => true,
}: {
  readonly l1?: number;
  readonly decays?: DecayFilter;
}): Transformation[] {
  if (l1 === 0) return [];
  return [
    stateless((direction, { parameter, path }) =>
      decays(path) ? direction.add(scaled(parameter.sign(), l1)) : direction,
    ),
  ];
}
