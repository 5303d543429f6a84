import { isFloat } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { dim, formatShape, sameShape, sizeOf } from '../core/shape.js';
import { cast, gt } from '../tensor/elementwise.js';
import { moveAxis, reshape } from '../tensor/movement.js';
import { literal } from '../tensor/operands.js';
import { argmax } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';

/** A classifier's answers and the truth, each sample a row. */
export interface Classified {
  /** `[n, classes]`; undefined where a single output decides between two classes. */
  readonly scores: Tensor | undefined;
  /** int32 `[n]`. */
  readonly predicted: Tensor;
  /** int32 `[n]`; negative where a sample does not count. */
  readonly actual: Tensor;
  readonly classes: number;
}

/**
 * What a classifier's output says. Classes lie along axis 1, as in `nn.crossEntropy`; further axes (pixels, positions) count as samples.
 * With a single output, class 1 is predicted above `threshold`.
 *
 * @throws ShapeError if the targets do not belong to the outputs.
 */
export function classify(metric: string, outputs: Tensor, targets: Tensor, threshold: number): Classified {
  const { shape } = outputs;
  const single = shape.length < 2 || dim(shape, 1) === 1;
  if (single) {
    if (sizeOf(targets.shape) !== sizeOf(shape)) throw mismatch(metric, outputs, targets);
    const flat: Tensor = reshape(outputs, [-1]);
    return {
      scores: undefined,
      predicted: cast(gt(flat, literal(flat, threshold)), 'int32'),
      actual: labels(reshape(targets, [-1])),
      classes: 2,
    };
  }
  const classes = dim(shape, 1);
  const rows = (x: Tensor): Tensor => reshape(moveAxis(x, 1, -1), [-1, classes]);
  const scores = rows(outputs);
  const predicted = argmax(scores, 1);
  if (sameShape(targets.shape, shape))
    return { scores, predicted, actual: argmax(rows(targets), 1), classes };
  if (!sameShape(targets.shape, [dim(shape, 0), ...shape.slice(2)])) throw mismatch(metric, outputs, targets);
  return { scores, predicted, actual: labels(reshape(targets, [-1])), classes };
}

/** Labels as int32; probabilities of two classes count as the nearer one. */
function labels(targets: Tensor): Tensor {
  return isFloat(targets.dtype) ? cast(targets.round(), 'int32') : cast(targets, 'int32');
}

function mismatch(metric: string, outputs: Tensor, targets: Tensor): ShapeError {
  return new ShapeError(
    `${metric}: targets of shape ${formatShape(targets.shape)} do not belong to outputs of shape ${formatShape(outputs.shape)}`,
    'outputs [n, classes] go with labels [n] or probabilities [n, classes]',
  );
}
