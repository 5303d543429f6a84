/** Sums of products in index notation (Einstein 1916), as NumPy and PyTorch write it. */
import { computeDType, promote } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import { diagonalOf } from './diagonals.js';
import { arrange, contractPair, sumAway, type Named } from './matmul.js';
import { broadcastTo } from './operands.js';
import { Tensor } from './tensor.js';

/** The axes of `...` get names of their own, counted from the end so that they broadcast. */
const ellipsisName = (fromEnd: number): string => `.${fromEnd}`;

function fail(equation: string, problem: string, hint: string): never {
  throw new ArgumentError(`einsum: '${equation}' ${problem}`, hint);
}

/** The names of one term; `rank` is the operand's, of which `...` takes what is left. */
function namesOf(term: string, rank: number, equation: string): string[] {
  const [before = '', after, ...more] = term.split('...');
  const letters = before + (after ?? '');
  if (more.length > 0 || !/^[A-Za-z]*$/.test(letters))
    fail(
      equation,
      `has a term '${term}' that is not made of letters and one '...'`,
      "write for instance 'bij,bjk->bik'",
    );
  const hidden = rank - letters.length;
  if (hidden < 0 || (after === undefined && hidden !== 0)) {
    throw new ShapeError(
      `einsum: the term '${term}' of '${equation}' names ${letters.length} axes, its operand has ${rank}`,
      "name each axis, or use '...' for the rest",
    );
  }
  const rest = Array.from({ length: hidden }, (_, i) => ellipsisName(hidden - i));
  return [...Array.from(before), ...(after === undefined ? [] : rest), ...Array.from(after ?? '')];
}

/** Without '->' the result has the names that occur once, in alphabetical order, after those of '...'. */
function implicitResult(terms: readonly (readonly string[])[]): string[] {
  const all = terms.flat();
  const hidden = [...new Set(all.filter((name) => name.startsWith('.')))].sort(
    (a, b) => Number(b.slice(1)) - Number(a.slice(1)),
  );
  const once = all.filter((name) => !name.startsWith('.') && all.indexOf(name) === all.lastIndexOf(name));
  return [...hidden, ...once.sort()];
}

function explicitResult(term: string, terms: readonly (readonly string[])[], equation: string): string[] {
  const hidden = Math.max(0, ...terms.map((names) => names.filter((name) => name.startsWith('.')).length));
  const letters = term.replace('...', '').length;
  const names = namesOf(term, letters + (term.includes('...') ? hidden : 0), equation);
  for (const name of names) {
    if (names.indexOf(name) !== names.lastIndexOf(name))
      fail(equation, `names '${name}' twice in the result`, 'name each axis of the result once');
    if (!terms.some((each) => each.includes(name)))
      fail(equation, `has '${name}' in the result only`, 'a name of the result must occur in an operand');
  }
  return names;
}

/** A name that occurs twice in one operand means its diagonal. */
function takeDiagonals({ node, names }: Named, equation: string): Named {
  const repeated = names.findIndex((name, axis) => names.indexOf(name) !== axis);
  if (repeated < 0) return { node, names };
  const name = names[repeated] ?? '';
  const first = names.indexOf(name);
  if (dim(node.shape, first) !== dim(node.shape, repeated)) {
    throw new ShapeError(
      `einsum: '${name}' names axes of sizes ${dim(node.shape, first)} and ${dim(node.shape, repeated)} of one operand in '${equation}'`,
      'a diagonal needs equal sizes',
    );
  }
  const others = names.filter((_, axis) => axis !== first && axis !== repeated);
  return takeDiagonals({ node: diagonalOf(node, first, repeated), names: [...others, name] }, equation);
}

/** The size of each name; axes of size 1 stretch. */
function sizesOf(operands: readonly Named[], equation: string): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { node, names } of operands) {
    names.forEach((name, axis) => {
      const n = dim(node.shape, axis);
      const known = sizes.get(name) ?? 1;
      if (n !== known && n !== 1 && known !== 1) {
        throw new ShapeError(
          `einsum: '${name.startsWith('.') ? '...' : name}' of '${equation}' has size ${known} in one operand and ${n} in another (${operands.map((each) => formatShape(each.node.shape)).join(', ')})`,
          'axes of one name must be equally long, or 1',
        );
      }
      sizes.set(name, n === 1 ? known : n);
    });
  }
  return sizes;
}

/** Drops axes of size 1 that stretch. */
function dropStretched({ node, names }: Named, sizes: ReadonlyMap<string, number>): Named {
  const stays = names.map((name, axis) => dim(node.shape, axis) === sizes.get(name));
  return {
    node: g.reshape(
      node,
      node.shape.filter((_, axis) => stays[axis]),
    ),
    names: names.filter((_, axis) => stays[axis]),
  };
}

/**
 * The sum of products that `equation` says: a letter for each axis of each operand, then those of the result; letters
 * that the result lacks are summed over, a letter twice in one operand means its diagonal, `...` stands for any
 * further axes, which broadcast. Several operands are combined from left to right.
 *
 * @throws ArgumentError for an equation that cannot be read; ShapeError where sizes differ.
 * @example
 * ```ts
 * const a = tensor([[1, 2], [3, 4]]);
 * await einsum('ij,jk->ik', a, a).array(); // => [[7, 10], [15, 22]]
 * await einsum('ii', a).item(); // => 5
 * await einsum('i,j', tensor([1, 2]), tensor([3, 4])).array(); // => [[3, 4], [6, 8]]
 * ```
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (more.length > 0) fail(equation, "has more than one '->'", "write 'operands->result'");
  if (terms.length !== operands.length) {
    fail(
      equation,
      `has ${terms.length} terms for ${operands.length} operands`,
      'write one term for each operand',
    );
  }
  const promoted = operands.map((each) => each.dtype).reduce(promote);
  const dtype = promoted === 'bool' ? 'int32' : promoted;
  const inner = computeDType(dtype);
  const read = operands.map((operand, i): Named => ({
    node: g.cast(operand.node, inner),
    names: namesOf(terms[i] ?? '', operand.rank, equation),
  }));
  const allNames = read.map(({ names }) => names);
  const result = right === undefined ? implicitResult(allNames) : explicitResult(right, allNames, equation);

  const simple = read.map((operand) => takeDiagonals(operand, equation));
  const sizes = sizesOf(simple, equation);
  const ready = simple.map((operand) => dropStretched(operand, sizes));
  const [first, ...rest] = ready as [Named, ...Named[]];
  const total = rest.reduce<Named>((product, operand, i) => {
    const later = rest.slice(i + 1).flatMap(({ names }) => names);
    return contractPair(product, operand, new Set([...result, ...later]));
  }, first);
  const wanted = sumAway(total, (name) => result.includes(name));
  const node = broadcastTo(
    arrange(wanted, result),
    result.map((name) => sizes.get(name) ?? 1),
  );
  return new Tensor(g.cast(node, dtype));
}
