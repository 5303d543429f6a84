import { isOp, topologicalOrder, type Node, type ScanBody } from './node.js';

/** The part of a graph between values and outputs, written as one string: equal strings, equal programs. */
export interface Structure {
  readonly key: string;
  /** Leaves with values, and placeholders. */
  readonly inputs: Node[];
  readonly scalars: Node<'scalar'>[];
}

/** Reads the structure of the graph below `outputs`. Linear in its size. */
export function structureOf(outputs: readonly Node[]): Structure {
  const inputs: Node[] = [];
  const scalars: Node<'scalar'>[] = [];
  const key = describe(outputs, (node) => {
    if (node.value !== undefined || node.op === 'buffer') {
      inputs.push(node);
      return true;
    }
    if (isOp(node, 'scalar')) scalars.push(node);
    return false;
  });
  return { key, inputs, scalars };
}

function describe(outputs: readonly Node[], isInput: (node: Node) => boolean): string {
  const numbers = new Map<Node, number>();
  const lines: string[] = [];
  for (const node of topologicalOrder(outputs, true)) {
    const number = numbers.size;
    numbers.set(node, number);
    if (isInput(node)) {
      lines.push(`${node.dtype}[${node.shape.join()}]`);
      continue;
    }
    const from = node.inputs.map((input) => numbers.get(input)).join();
    lines.push(`${node.op}(${from})${node.dtype}[${node.shape.join()}]${attributesKey(node)}`);
  }
  return `${lines.join(';')}>${outputs.map((node) => numbers.get(node)).join()}`;
}

/** A node's attributes as a string; cells and user functions are not part of a program's identity. */
export function attributesKey(node: Node): string {
  if (node.op === 'scalar' || node.op === 'custom') return '';
  if (isOp(node, 'scan')) {
    const { body, ...rest } = node.attributes;
    return JSON.stringify(rest) + bodyKey(body);
  }
  if (isOp(node, 'constant')) return literal(node.attributes.value);
  if (isOp(node, 'pad')) return JSON.stringify(node.attributes) + literal(node.attributes.value);
  return node.inputs.length === 0 || Object.keys(node.attributes).length > 0
    ? JSON.stringify(node.attributes)
    : '';
}

/** Numbers that JSON does not tell apart: -0, NaN, infinities. */
const literal = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

const bodyKeys = new WeakMap<ScanBody, string>();

function bodyKey(body: ScanBody): string {
  let key = bodyKeys.get(body);
  if (key === undefined) {
    key = `{${describe(body.results, () => false)}}`;
    bodyKeys.set(body, key);
  }
  return key;
}
