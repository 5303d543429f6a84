/** What a kernel computes, apart from where: kernels of the same shape can share their code. */
import type { Kernel } from './kernel.js';

export interface KernelShape {
  /** Equal for kernels that differ in nothing but their buffers, run-time scalars and names. */
  readonly key: string;
  /** The kernel's buffers and scalars, in the order in which the key counts them. */
  readonly buffers: readonly number[];
  readonly scalars: readonly number[];
}

/** Fields whose numbers are those of buffers. */
const BUFFERS = new Set(['buffer', 'filters', 'source', 'scratch']);

/** Fields that say nothing about the computation, or say again what other fields say. */
const SILENT = new Set(['name', 'key']);

/** The shape of a kernel other than a scan. `typeOf` gives what is to be told apart about buffers. */
export function kernelShape(kernel: Kernel, typeOf: (buffer: number) => string): KernelShape {
  const buffers = new Map<number, number>();
  const scalars = new Map<number, number>();
  const seen = new Map<object, number>();
  const parts: string[] = [];
  const numbered = (map: Map<number, number>, value: number): number => {
    let n = map.get(value);
    if (n === undefined) map.set(value, (n = map.size));
    return n;
  };
  const visit = (value: unknown, field: string, owner: object): void => {
    if (typeof value === 'number') {
      if (BUFFERS.has(field)) parts.push(`b${numbered(buffers, value)}${typeOf(value)}`);
      else if (field === 'slot' && 'kind' in owner && owner.kind === 'scalar')
        parts.push(`s${numbered(scalars, value)}`);
      else parts.push(Object.is(value, -0) ? '-0' : String(value));
    } else if (typeof value !== 'object' || value === null) parts.push(String(value));
    else {
      const known = seen.get(value);
      if (known !== undefined) {
        parts.push(`#${known}`);
        return;
      }
      seen.set(value, seen.size);
      parts.push('{');
      if (value instanceof Map) {
        for (const [k, v] of value) {
          visit(k, '', value);
          visit(v, '', value);
        }
      } else if (isVariable(value)) parts.push(`v${value.extent}`);
      else
        for (const name in value) {
          if (SILENT.has(name)) continue;
          parts.push(name);
          visit(value[name as keyof typeof value], name, value);
        }
      parts.push('}');
    }
  };
  visit(kernel, '', kernel);
  return { key: parts.join(' '), buffers: [...buffers.keys()], scalars: [...scalars.keys()] };
}

const isVariable = (value: object): value is { id: number; extent: number } =>
  'id' in value && 'extent' in value;
