/** Which machine computes, on how many threads. */
export { currentDevice, deviceNames, setDevice } from './devices.js';
export { setThreads, threadCount } from './threads.js';
