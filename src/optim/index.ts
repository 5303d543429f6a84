/** Optimizers and what belongs to them: what people call as `optim.…`. */
export { accumulate } from './accumulate.js';
export { adadelta, adagrad, type AdadeltaOptions, type AdagradOptions } from './adagrad.js';
export { adam, adamw, type AdamOptions, type MomentOptions } from './adam.js';
export {
  adamax,
  lion,
  nadam,
  type AdamaxOptions,
  type LionOptions,
  type NadamOptions,
} from './adam-variants.js';
export { clipByNorm, clipByValue, clipGradNorm, clipGradValue } from './clipping.js';
export { compose } from './compose.js';
export { addDecay, addL1, type DecayFilter, type DecayOptions } from './decay.js';
export { Ema } from './ema.js';
export {
  Optimizer,
  optimizer,
  OptimizerSpec,
  type CommonOptions,
  type ParameterSource,
} from './optimizer.js';
export { Plateau, type PlateauOptions, type PlateauState } from './plateau.js';
export { rmsprop, type RmspropOptions } from './rmsprop.js';
export * from './schedules.js';
export { sgd, withMomentum, type SgdOptions } from './sgd.js';
export {
  eachParameter,
  stateless,
  type Change,
  type Clock,
  type Moment,
  type Stage,
  type Transformation,
} from './transformation.js';
