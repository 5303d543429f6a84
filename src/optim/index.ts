/** Optimizers and what belongs to them: what people call as `optim.…`. */
export { adam, adamw, type AdamOptions, type MomentOptions } from './adam.js';
export { clipGradNorm, clipGradValue } from './clipping.js';
export { compose } from './compose.js';
export type { DecayFilter, DecayOptions } from './decay.js';
export { Optimizer, optimizer, OptimizerSpec, type CommonOptions, type ParameterSource } from './optimizer.js';
export { sgd, withMomentum, type SgdOptions } from './sgd.js';
export { eachParameter, stateless, type Change, type Clock, type Moment, type Stage, type Transformation } from './transformation.js';
