/**
 * A program that threads can run: plain data, which is sent to workers as it is. Its function `run(thread, threads, table)` works on the heap
 * that all threads share.
 */
export type Executable =
  | {
      readonly kind: 'wasm';
      /** Exports `run`; imports `env.memory`, host functions as `env.exp`, … and `env.maySleep` (whether its threads may block). */
      readonly module: WebAssembly.Module;
    }
  | {
      readonly kind: 'native';
      /** The addresses of `run`, of the target's trampoline (see NativeTarget) and of the heap's first byte, in this process. */
      readonly run: number;
      readonly trampoline: number;
      readonly heap: number;
      /** Where the main thread has found koffi. */
      readonly koffi: string;
    };

/** What a thread calls. */
export type Entry = (thread: number, threads: number, table: number) => void;
