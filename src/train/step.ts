import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { grad } from '../tensor/autograd.js';
import { compile } from '../tensor/compile.js';
import { cast } from '../tensor/elementwise.js';
import { concat, reshape } from '../tensor/movement.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Metric } from './metrics.js';
import type { Preprocess } from './preprocess.js';

/** How far outputs are from targets, as a single number: `nn.crossEntropy`, `nn.mse`, or a function of one's own. */
export type LossFunction = (outputs: Tensor, targets: Tensor) => Tensor;

/** What a batch is measured by. */
export interface Measures {
  readonly loss?: LossFunction | undefined;
  readonly metrics: readonly Metric[];
}

/** What a batch was measured at: its loss, and the sums of each metric. */
export interface Measured {
  readonly loss: number;
  readonly sums: readonly (readonly number[])[];
}

/** A compiled step: measures a batch, and perhaps trains with it. */
export interface Step {
  (inputs: Tensor, targets: Tensor): Promise<Measured>;
  /** The function that `compile` has made, for `inspect`. */
  readonly compiled: (inputs: Tensor, targets: Tensor) => Tensor;
}

/**
 * Compiles a step whose measurements come back in one small tensor, hence in one read.
 *
 * @param body gives the outputs and the loss; it may assign variables.
 */
function measuredStep(
  metrics: readonly Metric[],
  body: (inputs: Tensor, targets: Tensor) => { outputs: Tensor; loss: Tensor | undefined },
): Step {
  // How many sums each metric has is known once the step was traced; it does not depend on the batch.
  let lengths: readonly number[] = [];
  const compiled = compile((inputs: Tensor, targets: Tensor): Tensor => {
    const { outputs, loss } = body(inputs, targets);
    const dtype = loss?.dtype === 'float64' ? 'float64' : 'float32';
    const sums = metrics.map((metric) => cast(metric.sums(outputs, targets), dtype));
    lengths = sums.map(({ size }) => size);
    const first = loss === undefined ? [] : [cast(reshape(loss, [1]), dtype)];
    return concat([...first, ...sums], 0);
  });
  const step = async (inputs: Tensor, targets: Tensor): Promise<Measured> => {
    const values = Array.from(await compiled(inputs, targets).data());
    let at = values.length - lengths.reduce((a, b) => a + b, 0);
    const loss = at === 0 ? Number.NaN : (values[0] ?? Number.NaN);
    return { loss, sums: lengths.map((length) => values.slice(at, (at += length))) };
  };
  return Object.assign(step, { compiled });
}

/** The compiled step that measures a batch and changes nothing. */
export function evaluationStep(model: Module, measures: Measures, preprocess: Preprocess): Step {
  return measuredStep(measures.metrics, (inputs, targets) => {
    const outputs = model.forward(preprocess(inputs));
    return { outputs, loss: measures.loss?.(outputs, targets) };
  });
}

/** The compiled training step: loss, gradients of the parameters that are not frozen, update, measurements. */
export function trainingStep(
  model: Module,
  optimizer: Optimizer,
  measures: Measures & { readonly loss: LossFunction },
  preprocess: Preprocess,
): Step {
  const trainable = model.trainableParameters();
  return measuredStep(measures.metrics, (inputs, targets) => {
    const outputs = model.forward(preprocess(inputs));
    const loss = measures.loss(outputs, targets);
    const gradients: readonly Tensor[] = grad(loss, trainable);
    const byParameter = new Map(trainable.map((parameter, i) => [parameter, gradients[i]]));
    optimizer.step(optimizer.parameters.map((parameter) => byParameter.get(parameter)));
    return { outputs, loss };
  });
}
