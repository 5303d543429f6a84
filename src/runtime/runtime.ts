/** Given nodes, their values: caches programs, places results. */
import { bytesPerElement } from '../core/dtype.js';
import { ArgumentError, DeviceError, InternalError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { forgetHistory, type Node } from '../graph/node.js';
import { ProgramRefused, type Program, type ProgramGraph } from './device.js';
import { currentDevice } from './devices.js';
import { LruCache } from './lru-cache.js';
import { LostThreadError } from './pool.js';
import { DeviceStorage, HostStorage, setValue, valueOf, type AnyStorage } from './storage.js';
import { tuningEnabled } from './tuning.js';
import { structureOf } from '../graph/structure.js';

/** Results up to this size are copied out to ordinary arrays, which the garbage collector frees at once and for sure. */
const HOST_RESULT_BYTES = 1 << 20;

/** Programs kept; the least recently used one goes first. */
const PROGRAM_LIMIT = 512;

const programs = new LruCache<string, Program>(PROGRAM_LIMIT, (program) => {
  program.free();
});

/** The memory of a variable. Two storages at the most: updates write over the older one while the other may still be read. */
export interface Slot {
  current: AnyStorage;
  spare: DeviceStorage | undefined;
  /** Whether a program that was to write over the present value has stopped in the middle. */
  isHalfWritten: boolean;
}

/** `slot` is to become the value of `node`. */
export interface Update {
  readonly slot: Slot;
  readonly node: Node;
}

/** What tells the programs of the present device apart: `structure`, where results go, what is steady, and whether tuning chose their code. */
export function programKey(structure: string, { overwrites, steady = [] }: ProgramGraph): string {
  const numbers = steady.flatMap((each, i) => (each ? [i] : []));
  return `${currentDevice().name}${tuningEnabled() ? ' tuned' : ''}:${overwrites.join()}:${numbers.join()}:${structure}`;
}

/** The program for a graph, from the cache or fresh. */
export function programFor(key: string, graph: ProgramGraph): Program {
  let program = programs.get(key);
  if (program === undefined) programs.set(key, (program = currentDevice().program(graph, key)));
  return program;
}

/** Computes `outputs` and carries out `updates`, all in one program. Afterwards each node has its value. */
export function evaluate(outputs: readonly Node[], updates: readonly Update[] = []): void {
  const wanted = [...new Set([...outputs, ...updates.map((each) => each.node)])].filter(
    (node) => node.value === undefined,
  );
  for (const node of outputs) if (node.value !== undefined) valueOf(node);
  const targets = new Map(updates.map((each) => [each.node, each.slot]));
  if (wanted.length > 0) {
    const { key, inputs, scalars } = structureOf(wanted);
    const values = inputs.map(inputValue);
    const graph: ProgramGraph = { inputs, scalars, outputs: wanted, overwrites: wanted.map(() => undefined) };
    const programName = programKey(key, graph);
    // What cannot be compiled is found out before memory is taken.
    programFor(programName, graph);
    const places = wanted.map((node) => {
      const slot = targets.get(node);
      return slot === undefined
        ? currentDevice().memory.allocate(node.dtype, sizeOf(node.shape))
        : takeSpare(slot, node);
    });
    const slots = wanted.map((node) => targets.get(node));
    runProgram(programName, graph, values, places, slots);
    wanted.forEach((node, i) => {
      const place = places[i] as DeviceStorage;
      const slot = slots[i];
      if (slot === undefined) setValue(node, settle(place));
      else {
        setValue(node, place);
        advance(slot, place);
      }
    });
  }
  // A node that several variables were set to, or that had its value before: each variable needs memory of its own.
  for (const { slot, node } of updates) {
    if (slot.current !== node.value) replaceValue(slot, valueOf(node));
  }
  if (updates.length > 0) for (const node of new Set([...outputs, ...wanted])) forgetHistory(node);
}

/**
 * Runs the program of a graph, whose results are to become the values of `slots`, or of nobody's. If it fails, their places go back to where they came from, and
 * what it may have spoilt is marked.
 */
export function runProgram(
  key: string,
  graph: ProgramGraph,
  inputs: readonly AnyStorage[],
  places: readonly DeviceStorage[],
  slots: readonly (Slot | undefined)[],
): void {
  const scalars = graph.scalars.map((node) => node.attributes.cell.value);
  try {
    for (;;) {
      try {
        programFor(key, graph).run(inputs, scalars, places);
        return;
      } catch (error) {
        if (!(error instanceof ProgramRefused)) throw error;
        programs.delete(key);
      }
    }
  } catch (error) {
    // Others are thrown before anything has run: there is no memory left, say.
    const mayHaveWritten = error instanceof LostThreadError || error instanceof InternalError;
    places.forEach((place, i) => {
      const slot = slots[i];
      if (slot?.current === place) slot.isHalfWritten ||= mayHaveWritten;
      else if (slot !== undefined && slot.spare === undefined) slot.spare = place;
      else place.memory.free(place);
    });
    throw error;
  }
}

/** The present value of a slot. */
export function valueIn({ current, isHalfWritten }: Slot): AnyStorage {
  if (isHalfWritten) {
    throw new DeviceError(
      'the value of a variable is half written, as a program has failed that was to replace it',
      'load the variables from a checkpoint, or assign new values, and go on from there',
    );
  }
  return current;
}

/** The value of a program's input. */
export function inputValue(node: Node): AnyStorage {
  if (node.value === undefined) {
    throw new ArgumentError(
      `a tensor of shape [${node.shape.join(', ')}] is used outside the compiled function in which it was made`,
      'return it from the function, or compute it inside',
    );
  }
  return valueOf(node);
}

/** Moves a small result out of the device; large ones stay, and are freed once nobody can reach them. */
export function settle(place: DeviceStorage): AnyStorage {
  const { memory, dtype, size } = place;
  if (size * bytesPerElement(dtype) <= HOST_RESULT_BYTES) {
    const data = memory.read(place);
    memory.free(place);
    return new HostStorage(dtype, data);
  }
  freeWhenUnreachable(place);
  return place;
}

/** Storages nobody can reach. A safety net for large results only: callbacks never run inside a synchronous loop. */
const unreachable = new FinalizationRegistry<() => void>((release) => {
  release();
});

function freeWhenUnreachable(place: DeviceStorage): void {
  const { memory, dtype, size, address } = place;
  unreachable.register(place, () => {
    memory.free(new DeviceStorage(memory, dtype, size, address));
  });
}

/** Memory for a slot's next value that is not the current one. */
export function takeSpare(slot: Slot, node: Node): DeviceStorage {
  const { spare } = slot;
  const { memory } = currentDevice();
  if (spare?.memory === memory && spare.size === sizeOf(node.shape) && spare.dtype === node.dtype) {
    slot.spare = undefined;
    spare.version++;
    return spare;
  }
  return memory.allocate(node.dtype, sizeOf(node.shape));
}

/** Makes `place` the value of the slot; what was there becomes the spare. */
export function advance(slot: Slot, place: DeviceStorage): void {
  const { current } = slot;
  slot.current = place;
  slot.isHalfWritten = false;
  if (current instanceof DeviceStorage && current !== place) {
    if (slot.spare !== undefined) slot.spare.memory.free(slot.spare);
    slot.spare = current;
  }
}

/** Gives the slot a value that belongs to somebody else, by reference if it can never change. */
export function replaceValue(slot: Slot, value: AnyStorage): void {
  const { current } = slot;
  slot.current =
    value instanceof HostStorage ? value : new HostStorage(value.dtype, value.memory.read(value));
  slot.isHalfWritten = false;
  if (current instanceof DeviceStorage) {
    if (slot.spare !== undefined) slot.spare.memory.free(slot.spare);
    slot.spare = current;
  }
}
