/** Runs functions before and after registers were given out, on values and on registers and slots. */
import {
  instruction,
  type Instruction,
  type MachineFunction,
  type RegisterKind,
  type Value,
} from '../../src/targets/native/machine-code.js';
import type { RegisterFile } from '../../src/targets/native/allocate.js';

/** What an instruction of the simulated machine does, given numbers for what it reads. Kept beside it, as machines keep an encoding. */
export type Action =
  | { readonly kind: 'compute'; readonly salt: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'observe' }
  | { readonly kind: 'load'; readonly slot: number; readonly of: RegisterKind }
  | { readonly kind: 'store'; readonly slot: number; readonly of: RegisterKind }
  /** Goes back to `to` until it has been met `rounds` times since the loop was entered. */
  | { readonly kind: 'again'; readonly to: Instruction; readonly rounds: number }
  /** Goes on at `to` every second time. */
  | { readonly kind: 'skip'; readonly to: Instruction }
  | { readonly kind: 'nothing' };

const actions = new WeakMap<Instruction, Action>();

export function act(
  action: Action,
  writes: readonly Value[] = [],
  reads: readonly Value[] = [],
  options: { early?: boolean; clobbers?: boolean } = {},
): Instruction {
  const made = instruction(writes, reads, () => undefined, options);
  actions.set(made, action);
  return made;
}

/** A register file of so many registers of each kind. */
export function registersOf(count: Readonly<Record<RegisterKind, number>>): RegisterFile {
  const some = (kind: RegisterKind): number[] => Array.from({ length: count[kind] }, (_, n) => n + 1);
  return {
    registers: { general: some('general'), vector: some('vector'), mask: some('mask') },
    load: (value, slot) => act({ kind: 'load', slot, of: value.kind }, [value]),
    store: (value, slot) => act({ kind: 'store', slot, of: value.kind }, [], [value]),
  };
}

const mix = (salt: number, numbers: readonly number[], n: number): number =>
  numbers.reduce((sum, each) => Math.imul(sum ^ each, 0x9e3779b1) + 17, salt * 31 + n) | 0;

/** What a function lets see. By values, each value has a place of its own; by registers, those of its register. */
export function observe(machine: MachineFunction, by: 'values' | 'registers'): number[] {
  const seen: number[] = [];
  const cells = new Map<unknown, number>();
  const cellOf = (value: Value): unknown => (by === 'values' ? value : `${value.kind} ${value.register}`);
  const met = new Map<Instruction, number>();
  const positions = new Map(machine.code.map((each, n) => [each, n]));
  let noise = 1;
  let steps = 0;
  for (let at = 0; at < machine.code.length; at++) {
    if (++steps > 100_000) throw new Error('the function does not end');
    const each = machine.code[at] as Instruction;
    const action = actions.get(each) ?? { kind: 'nothing' };
    const { writes, reads } = each;
    // Who writes early destroys what it has not read yet.
    if (each.early && by === 'registers') for (const write of writes) cells.set(cellOf(write), noise++);
    const numbers = reads.map((read) => cells.get(cellOf(read)) ?? 0);
    if (each.clobbers && by === 'registers') {
      for (const cell of [...cells.keys()])
        if (typeof cell === 'string' && /^(vector|mask) /.test(cell)) cells.set(cell, noise++);
    }
    const slot = 'slot' in action ? `slot ${action.of} ${action.slot}` : '';
    switch (action.kind) {
      case 'compute':
        writes.forEach((write, n) => cells.set(cellOf(write), mix(action.salt, numbers, n)));
        break;
      case 'constant':
        writes.forEach((write) => cells.set(cellOf(write), action.value));
        break;
      case 'observe':
        seen.push(...numbers);
        break;
      case 'load':
        writes.forEach((write) => cells.set(cellOf(write), cells.get(slot) ?? 0));
        break;
      case 'store':
        cells.set(slot, numbers[0] ?? 0);
        break;
      case 'again': {
        const rounds = (met.get(each) ?? 0) + 1;
        met.set(each, rounds % action.rounds);
        if (rounds < action.rounds) at = positions.get(action.to) ?? at;
        break;
      }
      case 'skip': {
        const times = met.get(each) ?? 0;
        met.set(each, times + 1);
        if (times % 2 === 1) at = positions.get(action.to) ?? at;
        break;
      }
      case 'nothing':
        break;
    }
  }
  return seen;
}
