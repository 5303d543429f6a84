/**
 * Both gradients of a convolution are convolutions (Dumoulin and Visin 2016, "A guide to convolution arithmetic for
 * deep learning", chapter 4). Along one spatial axis, for one channel,
 *
 *   y[p] = Σ_k x̂[p·stride + k·dilation - low] w[k],   x̂ being x spread by inputDilation.
 *
 * Padding at the upper end is chosen so that the result has the size that it must have; it may be negative.
 */
import { dim, type Shape } from '../core/shape.js';
import { conv, flip, permute, reshape } from './build.js';
import type { Attributes, Node } from './node.js';
import { dilatedSize } from './shapes.js';

/** dL/dx[i] = Σ_k ĝ[i·inputDilation + low - k·dilation] w[k], ĝ being the gradient spread by stride: the kernel runs backwards. */
export function convInputGradient(
  gradient: Node,
  shape: Shape,
  w: Node,
  { stride, padding, dilation, inputDilation, groups }: Attributes['conv'],
): Node {
  const spatial = shape.slice(2);
  const [, , ...kernel] = w.shape;
  const opposite = spatial.map((n, axis): [number, number] => {
    const reach = dilatedSize(dim(kernel, axis), dim(dilation, axis));
    const low = reach - 1 - (padding[axis]?.[0] ?? 0);
    const wanted = (n - 1) * dim(inputDilation, axis) + reach;
    return [low, wanted - low - dilatedSize(dim(gradient.shape, axis + 2), dim(stride, axis))];
  });
  const backwards = flip(
    swapChannels(w, groups),
    spatial.map((_, axis) => axis + 2),
  );
  return conv(gradient, backwards, {
    stride: inputDilation,
    padding: opposite,
    dilation,
    inputDilation: stride,
    groups,
  });
}

/** [out, in / groups, …] to [in, out / groups, …], group by group. */
function swapChannels(w: Node, groups: number): Node {
  const [out = 0, perGroup = 0, ...kernel] = w.shape;
  const rest = kernel.map((_, axis) => axis + 3);
  const apart = reshape(w, [groups, out / groups, perGroup, ...kernel]);
  return reshape(permute(apart, [0, 2, 1, ...rest]), [groups * perGroup, out / groups, ...kernel]);
}

/**
 * dL/dw[k] = Σ_p x̂[k·dilation + p·stride - low] g[p]: the gradient is the kernel, samples are its input channels.
 * Groups stay groups: x is seen as [in / groups, groups · batch, …].
 */
export function convWeightGradient(
  gradient: Node,
  x: Node,
  shape: Shape,
  { stride, padding, dilation, inputDilation, groups }: Attributes['conv'],
): Node {
  const [batch = 0, channels = 0, ...spatial] = x.shape;
  const rest = spatial.map((_, axis) => axis);
  const apart = reshape(x, [batch, groups, channels / groups, ...spatial]);
  const images = reshape(permute(apart, [2, 1, 0, ...rest.map((axis) => axis + 3)]), [
    channels / groups,
    groups * batch,
    ...spatial,
  ]);
  const swap = [1, 0, ...rest.map((axis) => axis + 2)];
  const exact = spatial.map((n, axis): [number, number] => {
    const low = padding[axis]?.[0] ?? 0;
    const reach = dilatedSize(dim(gradient.shape, axis + 2), dim(stride, axis));
    const wanted = (dim(shape, axis + 2) - 1) * dim(dilation, axis) + reach;
    return [low, wanted - low - dilatedSize(n, dim(inputDilation, axis))];
  });
  const result = conv(images, permute(gradient, swap), {
    stride: dilation,
    padding: exact,
    dilation: stride,
    inputDilation,
    groups,
  });
  return permute(result, swap);
}
