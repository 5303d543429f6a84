/**
 * Registers for values, by linear scan (Poletto and Sarkar, "Linear Scan Register Allocation", 1999). A value that finds none lives on the stack
 * and is fetched into a register of its own for each instruction that uses it; then the scan begins anew. Constants are made again instead.
 */
import { InternalError } from '../../core/errors.js';
import { measureLives } from './lives.js';
import {
  REGISTER_KINDS,
  type Instruction,
  type MachineFunction,
  type RegisterKind,
  type Value,
} from './machine-code.js';

/** What the machine has. */
export interface RegisterFile {
  /** Registers to give out, the most wanted first. */
  readonly registers: Readonly<Record<RegisterKind, readonly number[]>>;
  /** An instruction that fetches a value from a stack slot, and one that puts it there. */
  readonly load: (value: Value, slot: number) => Instruction;
  readonly store: (value: Value, slot: number) => Instruction;
}

export interface Allocation {
  /** Stack slots in use, of each kind. */
  readonly slots: Readonly<Record<RegisterKind, number>>;
  /** Registers that are written, of each kind. */
  readonly used: Readonly<Record<RegisterKind, ReadonlySet<number>>>;
}

const MOST_ROUNDS = 40;

/** Gives every value a register, adding loads and stores where there are too few. */
export function allocate(machine: MachineFunction, file: RegisterFile): Allocation {
  const slots: Record<RegisterKind, number> = { general: 0, vector: 0, mask: 0 };
  // Values that hold others for one instruction: sending them to the stack in turn would not end.
  const passing = new Set<Value>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const living = measureLives(machine);
    const spilled = scan(machine, living, file, passing);
    if (spilled.size === 0) return { slots, used: usedRegisters(living) };
    rewrite(machine, spilled, passing, (value) =>
      value.remake === undefined ? { ...file, slot: slots[value.kind]++ } : undefined,
    );
  }
  throw new InternalError('native: registers cannot be given out');
}

function usedRegisters(living: readonly Value[]): Record<RegisterKind, Set<number>> {
  const used = { general: new Set<number>(), vector: new Set<number>(), mask: new Set<number>() };
  for (const { kind, register } of living) used[kind].add(register);
  return used;
}

/** One scan. Gives the values that must go to the stack; if there are none, all others have registers. */
function scan(
  machine: MachineFunction,
  living: readonly Value[],
  file: RegisterFile,
  passing: ReadonlySet<Value>,
): Set<Value> {
  const spilled = new Set<Value>();
  const clobbers = clobberPositions(machine);
  const free: Record<RegisterKind, number[]> = { general: [], vector: [], mask: [] };
  const active: Record<RegisterKind, Value[]> = { general: [], vector: [], mask: [] };
  for (const kind of REGISTER_KINDS) free[kind] = [...file.registers[kind]].reverse();
  for (const value of living) {
    const { kind } = value;
    if (kind !== 'general' && clobbers.length > 0 && crosses(value, clobbers)) {
      spilled.add(value);
      continue;
    }
    // Those that end first stand last.
    const busy = active[kind];
    for (let last = busy.at(-1); last !== undefined && last.end < value.start; last = busy.at(-1)) {
      free[kind].push(last.register);
      busy.pop();
    }
    const preferred = preference(machine, value);
    const at = preferred === undefined ? -1 : free[kind].indexOf(preferred);
    if (at >= 0) {
      value.register = preferred as number;
      free[kind].splice(at, 1);
    } else {
      const register = free[kind].pop();
      if (register !== undefined) value.register = register;
      else {
        const victim = leastWanted(busy, value, passing);
        if (victim === undefined)
          throw new InternalError(`native: one instruction needs too many ${kind} registers`);
        spilled.add(victim);
        if (victim === value) continue;
        value.register = victim.register;
        busy.splice(busy.indexOf(victim), 1);
      }
    }
    let place = busy.length;
    while (place > 0 && (busy[place - 1] as Value).end < value.end) place--;
    busy.splice(place, 0, value);
  }
  return spilled;
}

/** Whose register saves a move: that of an operand of the instruction that makes the value, if it ends there. */
function preference(machine: MachineFunction, value: Value): number | undefined {
  const index = value.start >> 1;
  const { reads, early } = machine.code[index] as Instruction;
  if (early) return undefined;
  for (const operand of reads) {
    if (operand.kind === value.kind && operand.end === 2 * index && operand.register >= 0)
      return operand.register;
  }
  return undefined;
}

function leastWanted(busy: readonly Value[], value: Value, passing: ReadonlySet<Value>): Value | undefined {
  let found: Value | undefined;
  let least = Infinity;
  for (const each of [value, ...busy]) {
    if (passing.has(each)) continue;
    // A constant costs no store. A long life that is used seldom frees a register for longest.
    const wanted = (each.weight * (each.remake === undefined ? 1 : 0.6)) / (each.end - each.start + 4);
    if (wanted < least) {
      least = wanted;
      found = each;
    }
  }
  return found;
}

function clobberPositions(machine: MachineFunction): number[] {
  const positions: number[] = [];
  machine.code.forEach((each, i) => {
    if (each.clobbers) positions.push(2 * i);
  });
  return positions;
}

/** Whether a value is needed after an instruction at one of the positions, before which it was made. */
function crosses(value: Value, positions: readonly number[]): boolean {
  // The first position at or after the start.
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((positions[middle] ?? 0) < value.start) low = middle + 1;
    else high = middle;
  }
  return low < positions.length && (positions[low] ?? 0) < value.end;
}

interface Home extends RegisterFile {
  readonly slot: number;
}

/** Replaces the spilled values by short-lived ones, with a load before each read and a store after each write. */
function rewrite(
  machine: MachineFunction,
  spilled: ReadonlySet<Value>,
  passing: Set<Value>,
  homeOf: (value: Value) => Home | undefined,
): void {
  const homes = new Map<Value, Home | undefined>();
  for (const value of spilled) homes.set(value, homeOf(value));
  const old = machine.code.splice(0);
  // Where each old instruction begins now: loops move along.
  const moved = new Array<number>(old.length + 1);
  const isSpilled = (value: Value): boolean => spilled.has(value);
  old.forEach((each, index) => {
    moved[index] = machine.code.length;
    const { writes, reads } = each;
    if (!writes.some(isSpilled) && !reads.some(isSpilled)) {
      machine.code.push(each);
      return;
    }
    // What made the constant is made again where it is used.
    if (writes.length === 1 && reads.length === 0 && writes[0]?.remake !== undefined) return;
    const stand = new Map<Value, Value>();
    const standIn = (operand: Value): Value => {
      let local = stand.get(operand);
      if (local === undefined) {
        local = machine.value(operand.kind);
        passing.add(local);
        stand.set(operand, local);
        if (reads.includes(operand)) {
          const home = homes.get(operand);
          if (home !== undefined) machine.code.push(home.load(local, home.slot));
          else if (operand.remake !== undefined) machine.code.push(operand.remake(local));
        }
      }
      return local;
    };
    const after: Instruction[] = [];
    each.writes = writes.map((operand) => {
      if (!isSpilled(operand)) return operand;
      const local = standIn(operand);
      const home = homes.get(operand);
      if (home !== undefined) after.push(home.store(local, home.slot));
      return local;
    });
    each.reads = reads.map((operand) => (isSpilled(operand) ? standIn(operand) : operand));
    machine.code.push(each, ...after);
  });
  moved[old.length] = machine.code.length;
  machine.loops.forEach((loop, n) => {
    machine.loops[n] = { begin: moved[loop.begin] ?? 0, end: moved[loop.end] ?? machine.code.length };
  });
}
