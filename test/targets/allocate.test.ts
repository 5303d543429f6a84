import { describe, expect, it } from 'vitest';
import { allocate } from '../../src/targets/native/allocate.js';
import { measureLives } from '../../src/targets/native/lives.js';
import {
  MachineFunction,
  REGISTER_KINDS,
  type RegisterKind,
  type Value,
} from '../../src/targets/native/machine-code.js';
import { act, observe, registersOf } from '../support/machine-simulator.js';
import { generator } from './special-kernels-harness.js';

/** As many as the most demanding instruction below needs: two results, written early, of two operands. */
const FEW = { general: 4, vector: 4, mask: 4 };

/** A function of random instructions: several kinds, constants, nested loops, skipped stretches, calls, early writes. */
function randomFunction(seed: number): MachineFunction {
  const random = generator(seed * 9176 + 5);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const machine = new MachineFunction();
  const kinds = REGISTER_KINDS.slice(0, 1 + random(3));
  const constants: Value[] = [];
  for (let n = random(6); n > 0; n--) {
    const [kind, value] = [pick(kinds), random(1000)];
    const constant = machine.value(kind, (target) => act({ kind: 'constant', value }, [target]));
    constants.push(constant);
    machine.push(act({ kind: 'constant', value }, [constant]));
  }
  const known: Value[] = kinds.flatMap((kind) => [machine.value(kind), machine.value(kind)]);
  for (const each of known) machine.push(act({ kind: 'compute', salt: random(99) }, [each]));
  /** Values that are written already, wherever this is. */
  const body = (values: Value[], depth: number): void => {
    for (let n = 3 + random(12); n > 0; n--) {
      const choice = random(12);
      if (choice === 0) machine.push(act({ kind: 'nothing' }, [], [], { clobbers: true }));
      else if (choice === 1 && depth < 3) {
        const begin = act({ kind: 'nothing' });
        machine.beginLoop();
        machine.push(begin);
        body([...values], depth + 1);
        machine.push(act({ kind: 'again', to: begin, rounds: 2 + random(3) }));
        machine.endLoop();
      } else if (choice === 2 && depth < 3) {
        const end = act({ kind: 'nothing' });
        machine.push(act({ kind: 'skip', to: end }));
        body([...values], depth + 1);
        machine.push(end);
      } else if (choice < 5) machine.push(act({ kind: 'observe' }, [], [pick([...values, ...constants])]));
      else {
        const reads = Array.from({ length: random(3) }, () => pick([...values, ...constants]));
        const early = random(4) === 0;
        // Known ones are changed, also to something that depends on what they were; others begin here.
        const writes = Array.from({ length: random(8) === 0 ? 2 : 1 }, () => {
          const chosen = random(3) === 0 ? pick(values) : machine.value(pick(kinds));
          return early && reads.includes(chosen) ? machine.value(chosen.kind) : chosen;
        });
        machine.push(act({ kind: 'compute', salt: random(99) }, [...new Set(writes)], reads, { early }));
        for (const write of writes) if (!values.includes(write)) values.push(write);
      }
    }
  };
  body(known, 0);
  machine.push(act({ kind: 'observe' }, [], [pick(known)]));
  return machine;
}

/** Values that live at once in one register. */
function conflicts(machine: MachineFunction): string[] {
  measureRegisters(machine);
  const found: string[] = [];
  for (const a of machine.values) {
    for (const b of machine.values) {
      if (a === b || a.kind !== b.kind || a.register !== b.register || a.start < 0 || b.start < 0) continue;
      if (a.start <= b.start && b.start <= a.end)
        found.push(`${a.kind} ${a.register}: ${a.start}-${a.end}, ${b.start}-${b.end}`);
    }
  }
  return found;
}

/** Lives anew, from the code as it is after the allocation, without forgetting registers. */
function measureRegisters(machine: MachineFunction): void {
  const registers = machine.values.map(({ register }) => register);
  measureLives(machine);
  machine.values.forEach((value, n) => (value.register = registers[n] ?? -1));
}

describe('registers given out', () => {
  it('keep the meaning of random functions, with many registers and with few', () => {
    let slots = 0;
    for (let seed = 0; seed < 200; seed++) {
      const wanted = observe(randomFunction(seed), 'values');
      for (const count of [FEW, { general: 6, vector: 5, mask: 5 }, { general: 30, vector: 30, mask: 30 }]) {
        const machine = randomFunction(seed);
        const allocation = allocate(machine, registersOf(count));
        expect(observe(machine, 'registers'), `seed ${seed}`).toEqual(wanted);
        expect(conflicts(machine), `seed ${seed}`).toEqual([]);
        for (const kind of REGISTER_KINDS) {
          slots += allocation.slots[kind];
          for (const register of allocation.used[kind]) expect(register).toBeLessThanOrEqual(count[kind]);
        }
      }
    }
    // Otherwise this would not have tested much.
    expect(slots).toBeGreaterThan(300);
  });

  const straight = (build: (machine: MachineFunction) => void): MachineFunction => {
    const machine = new MachineFunction();
    build(machine);
    return machine;
  };
  const compute = (
    machine: MachineFunction,
    kind: RegisterKind = 'general',
    reads: Value[] = [],
    early = false,
  ): Value => {
    const value = machine.value(kind);
    machine.push(act({ kind: 'compute', salt: 1 }, [value], reads, { early }));
    return value;
  };

  it('go from an operand that ends to the result', () => {
    const machine = straight((m) =>
      m.push(act({ kind: 'observe' }, [], [compute(m, 'general', [compute(m)])])),
    );
    allocate(machine, registersOf(FEW));
    expect(new Set(machine.values.map(({ register }) => register)).size).toBe(1);
  });

  it('do not, if the result is written before the operand is read', () => {
    const machine = straight((m) =>
      m.push(act({ kind: 'observe' }, [], [compute(m, 'general', [compute(m)], true)])),
    );
    allocate(machine, registersOf(FEW));
    expect(new Set(machine.values.map(({ register }) => register)).size).toBe(2);
  });

  it('of vectors and masks are not held across calls; general ones are', () => {
    for (const kind of REGISTER_KINDS) {
      const machine = straight((m) => {
        const value = compute(m, kind);
        m.push(act({ kind: 'nothing' }, [], [], { clobbers: true }));
        m.push(act({ kind: 'observe' }, [], [value]));
      });
      const { slots } = allocate(machine, registersOf(FEW));
      expect(slots[kind]).toBe(kind === 'general' ? 0 : 1);
    }
  });

  it('that run short send constants to no slot: they are made again', () => {
    const machine = straight((m) => {
      const constants = Array.from({ length: 9 }, (_, value) =>
        m.value('vector', (target) => act({ kind: 'constant', value }, [target])),
      );
      constants.forEach((each, value) => m.push(act({ kind: 'constant', value }, [each])));
      for (const each of [...constants, ...constants]) m.push(act({ kind: 'observe' }, [], [each]));
    });
    const { slots } = allocate(machine, registersOf(FEW));
    expect(slots.vector).toBe(0);
    expect(observe(machine, 'registers')).toEqual([...Array(9).keys(), ...Array(9).keys()]);
  });

  it('stay with what a loop uses, before what is used around it', () => {
    const machine = straight((m) => {
      const outside = Array.from({ length: 4 }, () => compute(m));
      const inside = compute(m);
      const begin = act({ kind: 'nothing' });
      m.beginLoop();
      m.push(begin);
      for (let n = 0; n < 3; n++) m.push(act({ kind: 'observe' }, [], [inside]));
      m.push(act({ kind: 'again', to: begin, rounds: 3 }));
      m.endLoop();
      for (const each of outside) m.push(act({ kind: 'observe' }, [], [each]));
    });
    const wanted = observe(machine, 'values');
    const [before] = machine.loops;
    const inLoop = machine.code.slice(before?.begin, before?.end);
    allocate(machine, registersOf(FEW));
    const [loop] = machine.loops;
    expect(machine.code.slice(loop?.begin, loop?.end)).toEqual(inLoop);
    expect(observe(machine, 'registers')).toEqual(wanted);
  });

  it('cannot be fewer than one instruction needs', () => {
    const machine = straight((m) => {
      const many = Array.from({ length: 5 }, () => compute(m));
      m.push(act({ kind: 'observe' }, [], many));
    });
    expect(() => allocate(machine, registersOf(FEW))).toThrow(/too many general registers/);
  });
});

describe('lives', () => {
  it('last from the first write to the last read', () => {
    const machine = new MachineFunction();
    const [a, b] = [machine.value('general'), machine.value('general')];
    machine.push(act({ kind: 'compute', salt: 1 }, [a]));
    machine.push(act({ kind: 'compute', salt: 1 }, [b], [a]));
    machine.push(act({ kind: 'observe' }, [], [b]));
    measureLives(machine);
    expect([a.start, a.end, b.start, b.end]).toEqual([1, 2, 3, 4]);
  });

  it('last to the end of the outermost loop that did not make the value', () => {
    const machine = new MachineFunction();
    const [before, within] = [machine.value('general'), machine.value('general')];
    machine.push(act({ kind: 'compute', salt: 1 }, [before]));
    machine.beginLoop();
    machine.push(act({ kind: 'compute', salt: 1 }, [within]));
    machine.beginLoop();
    machine.push(act({ kind: 'observe' }, [], [before, within]));
    machine.push(act({ kind: 'nothing' }));
    machine.endLoop();
    machine.push(act({ kind: 'nothing' }));
    machine.endLoop();
    measureLives(machine);
    expect([before.end, within.end]).toEqual([2 * 5 - 1, 2 * 4 - 1]);
  });

  it('count references in loops for more', () => {
    const machine = new MachineFunction();
    const [a, b] = [machine.value('general'), machine.value('general')];
    machine.push(act({ kind: 'compute', salt: 1 }, [a, b]));
    machine.push(act({ kind: 'observe' }, [], [a]));
    machine.push(act({ kind: 'observe' }, [], [a]));
    machine.beginLoop();
    machine.push(act({ kind: 'observe' }, [], [b]));
    machine.endLoop();
    measureLives(machine);
    expect(b.weight).toBeGreaterThan(a.weight);
  });
});
