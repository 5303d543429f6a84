export { chromeTrace, type ChromeTraceOptions } from './chrome-trace.js';
export { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
export type { SafetensorsContent, StoredArray } from '../core/safetensors.js';
export { loadSafetensors, parseSafetensors, saveSafetensors } from './safetensors.js';
