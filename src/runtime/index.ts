/** Which machine computes, on how many threads, with code chosen how. */
export { currentDevice, deviceNames, setDevice } from './devices.js';
export { setProgramCache } from './kept-programs.js';
export { setThreads, threadCount } from './threads.js';
export { setTuning } from './tuning.js';
