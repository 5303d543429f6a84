/**
 * The gradient of a loop is a loop that runs the other way ("backpropagation through time", Werbos 1990): it reads the
 * carries that each step started from and passes the gradient of the carries from step to step.
 */
import { computeDType, isFloat } from '../core/dtype.js';
import { add, apply, cast, concat, fill, parameter, reshape, scan, slice, type ScanInputs } from './build.js';
import { topologicalOrder, type Node, type ScanBody } from './node.js';
import { substitute } from './substitute.js';

/** What differentiate.ts offers: seeds times Jacobian. */
type VectorJacobian = (
  outputs: readonly Node[],
  seeds: readonly (Node | undefined)[],
  wrt: readonly Node[],
) => (Node | undefined)[];

/** Collects the parameters of a new body together with what is given for them. */
class Signature {
  readonly parameters: Node<'parameter'>[] = [];
  readonly given: Node[] = [];

  /** A parameter for `value`, or for one step of it. */
  add(value: Node, sliced = false): Node<'parameter'> {
    const shape = sliced ? value.shape.slice(1) : value.shape;
    const formal = parameter(this.parameters.length, shape, value.dtype);
    this.parameters.push(formal);
    this.given.push(value);
    return formal;
  }
}

/** Gradients for the inputs of `node`, given those of its items by index; undefined for inputs not `needed` or not float. */
export function scanGradient(
  node: Node<'scan'>,
  items: ReadonlyMap<number, Node>,
  needed: readonly boolean[],
  vectorJacobian: VectorJacobian,
): (Node | undefined)[] {
  const { body, carries, sequences, length, reverse } = node.attributes;
  const floats = body.parameters.map((formal) => isFloat(formal.dtype));
  const indices = body.parameters.map((_, i) => i);
  const isCarry = (i: number): boolean => i < carries;
  const isSequence = (i: number): boolean => i >= carries && i < carries + sequences;
  const movingCarries = indices.filter((i) => isCarry(i) && floats[i]);
  const wantedConstants = indices.filter((i) => i >= carries + sequences && floats[i] && needed[i]);
  const wantedSequences = indices.filter((i) => isSequence(i) && floats[i] && needed[i]);

  // The order of a scan's inputs is carries, sequences, constants; gradients that pass from step to step are carries.
  const signature = new Signature();
  const seeds = new Map<number, Node>();
  for (const i of movingCarries) {
    const formal = body.parameters[i] as Node;
    const dtype = computeDType(formal.dtype);
    const last = items.get(i);
    seeds.set(i, signature.add(last ?? fill(0, formal.shape, dtype)));
  }
  const sums = wantedConstants.map((i) => {
    const formal = body.parameters[i] as Node;
    return signature.add(fill(0, formal.shape, computeDType(formal.dtype)));
  });
  const carried = signature.parameters.length;
  for (const [i, gradient] of items) if (i >= carries) seeds.set(i, signature.add(gradient, true));

  const wrt = [...movingCarries, ...wantedConstants, ...wantedSequences];
  const found = vectorJacobian(
    body.results,
    body.results.map((_, i) => seeds.get(i)),
    wrt.map((i) => body.parameters[i] as Node),
  ).map((gradient, at) => {
    const formal = body.parameters[wrt[at] as number] as Node;
    const dtype = computeDType(formal.dtype);
    return gradient === undefined ? fill(0, formal.shape, dtype) : cast(gradient, dtype);
  });
  const steps = found.map((gradient, at) => {
    const sum = sums[at - movingCarries.length];
    return sum === undefined ? gradient : add(sum, gradient);
  });

  // Only what the gradient reads of the step's own inputs is passed on.
  const read = new Set(topologicalOrder(steps));
  const used = indices.filter((i) => read.has(body.parameters[i] as Node));
  const starts = carriesOfSteps(node, used.filter(isCarry));
  const replacements = new Map<Node, Node>();
  for (const i of used) {
    const value = isCarry(i) ? starts.get(i) : isSequence(i) ? node.inputs[i] : undefined;
    if (value !== undefined) replacements.set(body.parameters[i] as Node, signature.add(value, true));
  }
  const sequencesRead = signature.parameters.length - carried;
  for (const i of used) {
    if (!isCarry(i) && !isSequence(i))
      replacements.set(body.parameters[i] as Node, signature.add(node.inputs[i] as Node));
  }

  const backward: ScanBody = {
    parameters: signature.parameters,
    results: substitute(steps, replacements),
  };
  const inputs: ScanInputs = {
    carries: signature.given.slice(0, carried),
    sequences: signature.given.slice(carried, carried + sequencesRead),
    constants: signature.given.slice(carried + sequencesRead),
  };
  const results = scan(backward, inputs, length, !reverse);
  return indices.map((i) => {
    const at = wrt.indexOf(i);
    return at < 0 ? undefined : results[at];
  });
}

/** For some carries, by index, the values with which each step started, stacked. */
function carriesOfSteps(node: Node<'scan'>, wanted: readonly number[]): Map<number, Node> {
  const { body, carries, sequences, length, reverse } = node.attributes;
  const found = new Map<number, Node>();
  const missing: number[] = [];
  for (const i of wanted) {
    // A loop that stacks its next carry (as a recurrent layer's outputs do) has them all but the first.
    const stacked = body.results.findIndex((result, at) => at >= carries && result === body.results[i]);
    if (stacked < 0 || length === 0) missing.push(i);
    else found.set(i, shifted(node.inputs[i] as Node, apply('item', [node], { index: stacked }), reverse));
  }
  if (missing.length > 0) {
    const again = scan(
      {
        parameters: body.parameters,
        results: [...body.results.slice(0, carries), ...missing.map((i) => body.parameters[i] as Node)],
      },
      {
        carries: node.inputs.slice(0, carries),
        sequences: node.inputs.slice(carries, carries + sequences),
        constants: node.inputs.slice(carries + sequences),
      },
      length,
      reverse,
    );
    missing.forEach((i, at) => found.set(i, again[carries + at] as Node));
  }
  return found;
}

/** The first carry, then the stacked ones but the last, in the order in which the loop runs. */
function shifted(start: Node, stacked: Node, reverse: boolean): Node {
  const [length = 0, ...shape] = stacked.shape;
  const first = reshape(start, [1, ...shape]);
  const zeros = shape.map(() => 0);
  if (reverse) return concat([slice(stacked, [1, ...zeros], stacked.shape), first], 0);
  return concat([first, slice(stacked, [0, ...zeros], [length - 1, ...shape])], 0);
}
