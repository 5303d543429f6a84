/** Random graphs of many primitives, for finding what nobody thought of. */
import { sizeOf } from '../../src/core/shape.js';
import { HostRandom } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { randomValue, value } from './device-agreement.js';

/** Values stay near [-2, 2] so that errors cannot hide behind large numbers. */
const tame = (x: Node): Node => g.unary('tanh', x);

function broadcast(x: Node, shape: readonly number[]): Node | undefined {
  const missing = shape.length - x.shape.length;
  if (missing < 0) return undefined;
  const lifted = [...Array<number>(missing).fill(1), ...x.shape];
  if (lifted.some((n, axis) => n !== 1 && n !== shape[axis])) return undefined;
  return g.expand(g.reshape(x, lifted), shape);
}

/** A graph of `size` steps; several of its nodes are outputs. */
export function randomGraph(seed: number, size: number): Node[] {
  const random = new HostRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)] as T;
  const pool: Node[] = [[4, 6], [6], [4, 1], [3, 4, 6], [24], [2, 12]].map((shape) =>
    randomValue(random, shape),
  );
  const indices = value([0, 2, 1, 3, 3, 0], [6], 'int32');
  for (let i = 0; i < size; i++) {
    const x = pick(pool);
    const rank = x.shape.length;
    const axis = rank === 0 ? 0 : random.integer(rank);
    const steps: (() => Node | undefined)[] = [
      () => tame(g.unary(pick(['neg', 'exp', 'sin', 'abs', 'sigmoid'] as const), x)),
      () => {
        const y = broadcast(pick(pool), x.shape);
        return y && tame(g.binary(pick(['add', 'sub', 'mul', 'max', 'min'] as const), x, y));
      },
      () => {
        const y = broadcast(pick(pool), x.shape);
        return y && g.where(g.binary('lt', x, y), y, g.neg(x));
      },
      () =>
        rank === 0 ? undefined : tame(g.reduce(pick(['sum', 'reduceMax', 'reduceMin'] as const), x, [axis])),
      () => (rank === 0 ? undefined : g.unreduce(tame(g.sum(x, [axis])), [axis], x.shape)),
      () => (rank === 0 ? undefined : g.unreduce(g.reduce('reduceMax', x, [rank - 1]), [rank - 1], x.shape)),
      () =>
        rank < 2
          ? undefined
          : g.permute(
              x,
              x.shape.map((_, j) => (j + 1) % rank),
            ),
      () => g.reshape(x, [sizeOf(x.shape)]),
      () => (sizeOf(x.shape) % 6 === 0 ? g.reshape(x, [sizeOf(x.shape) / 6, 6]) : undefined),
      () => (rank === 0 ? undefined : g.flip(x, [axis])),
      () =>
        rank === 0 || sizeOf(x.shape) > 200
          ? undefined
          : g.pad(
              x,
              x.shape.map((_, j) => (j === axis ? 1 : 0)),
              x.shape.map((_, j) => (j === axis ? 2 : 0)),
            ),
      () =>
        rank === 0 || (x.shape[axis] ?? 0) < 3
          ? undefined
          : g.slice(
              x,
              x.shape.map((_, j) => (j === axis ? 1 : 0)),
              x.shape.map((n, j) => (j === axis ? n - 1 : n)),
            ),
      () => (rank === 0 || sizeOf(x.shape) > 200 ? undefined : g.concat([x, tame(x)], axis)),
      () =>
        rank === 0 || (x.shape[axis] ?? 0) < 3 || sizeOf(x.shape) > 100
          ? undefined
          : g.windows(x, axis, 2, 1, 1),
      () =>
        rank !== 2
          ? undefined
          : tame(g.dot(x, x, { batchA: [], batchB: [], contractA: [1], contractB: [1] })),
      () => (rank === 0 ? undefined : g.gather(x, indices, axis)),
      () => (rank === 0 || x.shape[axis] !== 6 ? undefined : tame(g.scatterAdd(indices, x, axis, 5))),
      () => (rank === 0 ? undefined : tame(g.cumsum(x, axis))),
    ];
    const made = pick(steps)();
    if (made !== undefined && sizeOf(made.shape) <= 2000 && sizeOf(made.shape) > 0) pool.push(made);
  }
  const outputs = new Set([pool[pool.length - 1] as Node]);
  while (outputs.size < Math.min(4, pool.length)) outputs.add(pick(pool));
  return [...outputs];
}
