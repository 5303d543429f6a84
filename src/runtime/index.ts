/** Which machine computes, on how many threads. */
export { currentDevice, deviceNames, setDevice } from './runtime.js';
export { setThreads, threadCount } from './threads.js';
