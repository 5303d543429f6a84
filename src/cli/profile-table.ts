import type { KernelProfile, Profile } from '../tensor/inspect.js';
import { formatTable } from './format.js';

/** Kernels with a row of their own. */
const MOST_ROWS = 24;
const LONGEST_NAME = 36;

/** A profile as text: the kernels by the time that they took, then all of them together, then the time in which none ran. */
export function profileTable(profile: Profile): string {
  const { kernels, milliseconds, idleMilliseconds } = profile;
  const byTime = kernels
    .map((kernel, number) => ({ kernel, number }))
    .sort((a, b) => b.kernel.milliseconds - a.kernel.milliseconds);
  const shown = byTime.slice(0, MOST_ROWS);
  const others = byTime.slice(MOST_ROWS).map(({ kernel }) => kernel);
  return formatTable(
    [
      ['', 'kernel', 'kind', 'ms', 'share', 'MFLOP', 'MB', 'GFLOP/s', 'GB/s', 'of ceiling', ''],
      ...shown.map(({ kernel, number }) => [
        String(number),
        kernel.name.length > LONGEST_NAME ? `${kernel.name.slice(0, LONGEST_NAME - 1)}…` : kernel.name,
        kernel.kind,
        ...figures(totalOf([kernel]), milliseconds),
        kernel.limit,
      ]),
      ...(others.length === 0 ? [] : [rest(`${others.length} others`, others, milliseconds)]),
      rest('all kernels', kernels, milliseconds),
      ['', 'no kernel', '', time(idleMilliseconds), share(idleMilliseconds, milliseconds)],
    ],
    [1, 2, 10],
  );
}

function rest(name: string, kernels: readonly KernelProfile[], milliseconds: number): string[] {
  return ['', name, '', ...figures(totalOf(kernels), milliseconds)];
}

/** What several kernels come to. */
export interface Total {
  readonly milliseconds: number;
  readonly ceilingMilliseconds: number;
  readonly flops: number;
  readonly bytes: number;
}

export function totalOf(kernels: readonly KernelProfile[]): Total {
  const sum = (part: (kernel: KernelProfile) => number): number =>
    kernels.reduce((total, kernel) => total + part(kernel), 0);
  return {
    milliseconds: sum((kernel) => kernel.milliseconds),
    ceilingMilliseconds: sum((kernel) => kernel.ceilingMilliseconds),
    flops: sum((kernel) => kernel.flops),
    bytes: sum((kernel) => kernel.bytesRead + kernel.bytesWritten),
  };
}

function figures({ milliseconds, ceilingMilliseconds, flops, bytes }: Total, whole: number): string[] {
  return [
    time(milliseconds),
    share(milliseconds, whole),
    (flops / 1e6).toFixed(2),
    (bytes / 1e6).toFixed(2),
    rate(flops, milliseconds),
    rate(bytes, milliseconds),
    milliseconds === 0 ? '-' : `${((100 * ceilingMilliseconds) / milliseconds).toFixed(0)}%`,
  ];
}

const time = (milliseconds: number): string => milliseconds.toFixed(3);
const share = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)}%`;
/** Billions a second. */
const rate = (amount: number, milliseconds: number): string =>
  milliseconds === 0 ? '-' : (amount / milliseconds / 1e6).toFixed(1);
