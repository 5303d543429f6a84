/** The same random program by two encoders over the same memory. */
import { generator } from '../targets/special-kernels-harness.js';
import { printModule } from '../../src/targets/cpu/print.js';
import { freshMemory, type Encoder } from './ir-machine.js';
import { fillRandomly, MEMORY_BYTES, randomModule, STRETCH } from './random-ir.js';

/** Few locals, some, and so many that no kind of register suffices. */
const LOCALS = [3, 10, 45];

/** What differs after a program, as text; undefined if nothing does. Two NaN are the same, whatever their bits. */
function difference(a: ArrayBufferLike, b: ArrayBufferLike): string | undefined {
  const words = [a, b].map((each) => new Int32Array(each, 0, MEMORY_BYTES / 4));
  const floats = [a, b].map((each) => new Float32Array(each, 0, MEMORY_BYTES / 4));
  const doubles = [a, b].map((each) => new Float64Array(each, 0, MEMORY_BYTES / 8));
  const isNaN = (views: readonly ArrayLike<number>[], n: number): boolean =>
    views.every((view) => Number.isNaN(view[n]));
  for (let n = 0; n < MEMORY_BYTES / 4; n++) {
    if (words[0]?.[n] === words[1]?.[n]) continue;
    const at = 4 * n;
    if (at >= STRETCH.f32 && at < STRETCH.f64 && isNaN(floats, n)) continue;
    if (at >= STRETCH.f64 && at < STRETCH.u8 && isNaN(doubles, n >> 1)) continue;
    return `word ${at}: ${words[0]?.[n]} and ${words[1]?.[n]} (${floats[0]?.[n]} and ${floats[1]?.[n]})`;
  }
  return undefined;
}

/** Runs the programs of some seeds by both encoders, which have vectors of one length. Throws where they differ. */
export function expectSameEffects(first: Encoder, second: Encoder, from: number, count: number): void {
  const memories = [freshMemory(1), freshMemory(1)] as const;
  for (let seed = from; seed < from + count; seed++) {
    const random = generator(seed * 7919 + 13);
    const module = randomModule(random, {
      lanes: first.lanes,
      anyFma: [first, second].every(({ fused }) => fused.includes('f32')),
      masks: first.masks && second.masks,
      locals: LOCALS[seed % LOCALS.length] ?? 3,
      statements: 5 + random(40),
    });
    fillRandomly(memories[0].buffer, random);
    new Uint8Array(memories[1].buffer).set(new Uint8Array(memories[0].buffer));
    [first, second].forEach((encoder, n) => {
      const instance = encoder.instantiate(module, memories[n] as WebAssembly.Memory);
      instance.call('run', seed, 5);
      instance.free();
    });
    const found = difference(memories[0].buffer, memories[1].buffer);
    if (found !== undefined)
      throw new Error(`${first.name} and ${second.name}, seed ${seed}: ${found}\n${printModule(module)}`);
  }
}
