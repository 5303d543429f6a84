/** Which machine computes, on how many threads. */
export { deviceNames, setDevice } from './runtime.js';
export { setThreads, threadCount } from './threads.js';
