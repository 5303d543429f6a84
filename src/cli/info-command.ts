import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { cacheFolder } from '../core/node/cache-folder.js';
import { Heap } from '../runtime/heap.js';
import { currentDevice, deviceNames } from '../runtime/devices.js';
import { keptPrograms } from '../runtime/kept-programs.js';
import type { ProgramFiles } from '../runtime/program-files.js';
import { threadCount } from '../runtime/threads.js';
import { TuningCache, tuningPath } from '../runtime/tuning-cache.js';
import { wasmFeatures } from '../targets/wasm/features.js';
import { formatBytes, formatTable } from './format.js';
import { applyDevice, type DeviceOptions } from './device-options.js';
import { packageVersion } from './package-version.js';

/** What this machine and this build can do. */
export interface SystemInfo {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly threads: number;
  readonly simd: boolean;
  readonly relaxedFma: boolean;
  readonly sharedMemory: boolean;
  /** The most that tensors can take, in bytes. */
  readonly heapBytes: number;
  readonly memoryBytes: number;
  readonly device: string;
  /** What the device computes with, or why there is no better one. */
  readonly deviceDescription: string;
  readonly devices: readonly string[];
  readonly cacheFolder: string;
  /** What is kept of programs, in the folder of the data cache; undefined if nothing is kept. */
  readonly keptPrograms: { readonly count: number; readonly bytes: number } | undefined;
  /** Kernels whose code was chosen by measuring, in the cache folder's file; undefined if there is none. */
  readonly tunedKernels: number | undefined;
}

export function systemInfo(): SystemInfo {
  const features = wasmFeatures();
  const cores = availableParallelism();
  const device = currentDevice();
  return {
    version: packageVersion(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores,
    threads: features.sharedMemory ? threadCount() : 1,
    simd: features.simd,
    relaxedFma: features.relaxedFma,
    sharedMemory: features.sharedMemory,
    heapBytes: new Heap().maximumBytes,
    memoryBytes: totalmem(),
    device: device.name,
    deviceDescription: device.description,
    devices: deviceNames(),
    cacheFolder: cacheFolder(),
    keptPrograms: contentsOf(keptPrograms()),
    tunedKernels: tunedKernels(),
  };
}

function tunedKernels(): number | undefined {
  const { path, size } = new TuningCache(tuningPath());
  return path !== undefined && existsSync(path) ? size : undefined;
}

function contentsOf(files: ProgramFiles | undefined): SystemInfo['keptPrograms'] {
  const list = files?.list();
  return list && { count: list.length, bytes: list.reduce((sum, { bytes }) => sum + bytes, 0) };
}

export interface InfoOptions extends DeviceOptions {
  readonly json?: boolean;
}

/** `loom info` */
export function infoCommand(options: InfoOptions): void {
  applyDevice(options);
  const info = systemInfo();
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(info)}\n`);
    return;
  }
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  const rows = [
    ['tensorloom', info.version],
    ['Node', info.node],
    ['platform', info.platform],
    ['processor', info.processor],
    ['cores', String(info.cores)],
    ['threads', `${info.threads}${info.sharedMemory ? '' : ' (memory cannot be shared here)'}`],
    ['SIMD (128 bit)', yes(info.simd)],
    ['relaxed FMA', yes(info.relaxedFma)],
    ['tensor heap', `up to ${formatBytes(info.heapBytes)}`],
    ['main memory', formatBytes(info.memoryBytes)],
    ['device', `${info.device}: ${info.deviceDescription}`],
    ['devices', info.devices.join(', ')],
    ['data cache', info.cacheFolder],
    ['program cache', formatKept(info.keptPrograms)],
    [
      'tuning cache',
      info.tunedKernels === undefined
        ? 'none'
        : `${info.tunedKernels} ${info.tunedKernels === 1 ? 'kernel' : 'kernels'}`,
    ],
  ];
  process.stdout.write(`${formatTable(rows, [0, 1])}\n`);
}

function formatKept(kept: SystemInfo['keptPrograms']): string {
  if (kept === undefined) return 'off';
  return `${kept.count} ${kept.count === 1 ? 'program' : 'programs'} (${formatBytes(kept.bytes)})`;
}
