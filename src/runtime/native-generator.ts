import { InternalError } from '../core/errors.js';
import type { CodeGenerator } from './code-generator.js';
import type { Heap } from './heap.js';
import { adviseHugePages } from './native/huge-pages.js';
import type { NativeMachine } from './native/native-machine.js';

/** Machine code over the bytes of `heap`, which must be shared memory: only that never moves. */
export function nativeGenerator(machine: NativeMachine, { buffer, maximumBytes }: Heap): CodeGenerator {
  const { target, code, koffi, koffiPath, trampoline, enter } = machine;
  const heap = Number(koffi.address(new Uint8Array(buffer)));
  adviseHugePages(koffi, heap, maximumBytes);
  return {
    name: 'native',
    description: `${target.name} (${target.machine.lanes} lanes)`,
    machine: target.machine,
    identity: `${process.platform} ${target.name} ${JSON.stringify(target.machine)}`,
    encode: (module) => target.encode(module),
    place({ bytes, entries }) {
      const { address, free } = code.place(bytes);
      const placeOf = (name: string): number => {
        const offset = entries.get(name);
        if (offset === undefined) throw new InternalError(`machine code exports no function "${name}"`);
        return address + offset;
      };
      return {
        executable: { kind: 'native', run: placeOf('run'), trampoline, heap, koffi: koffiPath },
        function(name) {
          const place = placeOf(name);
          return (a = 0, b = 0, c = 0, d = 0) => {
            enter(place, heap, a, b, c, d);
          };
        },
        free,
      };
    },
  };
}
