import { conv, permute, reshape } from './build.js';
import type { Operand } from './batching.js';
import type { Attributes, Node } from './node.js';

/**
 * A batch of convolutions as one: a batch of inputs with one weight are more samples, a batch of weights are more
 * output channels, and both together are more groups.
 */
export function batchConv(x: Operand, w: Operand, attributes: Attributes['conv'], size: number): Node {
  if (!w.batched) return moreSamples(x.node, w.node, attributes, size);
  if (!x.batched) return moreChannels(x.node, w.node, attributes, size);
  return moreGroups(x.node, w.node, attributes, size);
}

/** 0, 1, … for the axes after the first `from`. */
function rest(x: Node, from: number): number[] {
  return x.shape.slice(from).map((_, i) => from + i);
}

function moreSamples(x: Node, w: Node, attributes: Attributes['conv'], size: number): Node {
  const [, samples = 0, ...image] = x.shape;
  const y = conv(reshape(x, [size * samples, ...image]), w, attributes);
  return reshape(y, [size, samples, ...y.shape.slice(1)]);
}

function moreChannels(x: Node, w: Node, attributes: Attributes['conv'], size: number): Node {
  const { groups } = attributes;
  const [, out = 0, ...kernel] = w.shape;
  const perGroup = out / groups;
  // Channels of one group must stay together: [batch, groups, out / groups, …] → [groups, batch, out / groups, …].
  const apart = reshape(w, [size, groups, perGroup, ...kernel]);
  const together = permute(apart, [1, 0, 2, ...rest(apart, 3)]);
  const y = conv(x, reshape(together, [groups * size * perGroup, ...kernel]), attributes);
  const [samples = 0, , ...image] = y.shape;
  const split = reshape(y, [samples, groups, size, perGroup, ...image]);
  return reshape(permute(split, [2, 0, 1, 3, ...rest(split, 4)]), [size, samples, out, ...image]);
}

function moreGroups(x: Node, w: Node, attributes: Attributes['conv'], size: number): Node {
  const [, samples = 0, channels = 0, ...spatial] = x.shape;
  const [, out = 0, ...kernel] = w.shape;
  const inside = permute(x, [1, 0, 2, ...rest(x, 3)]);
  const y = conv(
    reshape(inside, [samples, size * channels, ...spatial]),
    reshape(w, [size * out, ...kernel]),
    { ...attributes, groups: attributes.groups * size },
  );
  const split = reshape(y, [samples, size, out, ...y.shape.slice(2)]);
  return permute(split, [1, 0, 2, ...rest(split, 3)]);
}
