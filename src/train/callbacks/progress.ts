import type { SingleBar } from 'cli-progress';
import type { Callback, TrainingRun } from '../callback.js';
import type { EpochRecord } from '../history.js';

/** What is written to; told by its shape, so that this library's types do not need those of Node. */
export interface ProgressStream {
  /** True for a terminal of Node (`tty.WriteStream`), which gets the bar. */
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** `process.stderr` when left out. */
  readonly stream?: ProgressStream;
}

/** A terminal is redrawn at most this often, in milliseconds. */
const REDRAW = 100;

/**
 * Shows how training goes: on a terminal a bar for each epoch with loss, accuracy, samples a second and time left; elsewhere
 * one line for each epoch. Node only.
 */
export function progress(options: ProgressOptions = {}): Callback {
  const stream: ProgressStream = options.stream ?? process.stderr;
  let bar: SingleBar | undefined;
  let lastDrawn = 0;
  return {
    name: 'progress',
    onTrainBegin: async () => {
      if (isTerminal(stream)) bar = await newBar(stream);
    },
    onEpochBegin: (run) => {
      bar?.start(run.loader.length, run.batch, payload(run));
    },
    onBatchEnd: (run) => {
      if (bar === undefined) return;
      const now = performance.now();
      if (now - lastDrawn < REDRAW && run.batch < run.loader.length) return;
      lastDrawn = now;
      bar.update(run.batch, payload(run));
    },
    onEpochEnd: (run, record) => {
      bar?.stop();
      stream.write(`${epochLine(record, run.epochs)}\n`);
    },
    onTrainEnd: (run) => {
      // After an epoch that did not come to its end the bar still stands there.
      bar?.stop();
      if (run.stopped !== undefined) stream.write(`stopped: ${run.stopped}\n`);
    },
  };
}

function isTerminal(stream: ProgressStream): stream is NodeJS.WriteStream {
  return stream.isTTY === true;
}

async function newBar(stream: NodeJS.WriteStream): Promise<SingleBar> {
  const { SingleBar: Bar } = await import('cli-progress');
  return new Bar({
    stream,
    format: '{epoch} [{bar}] {value}/{total}{measured}  {speed} samples/s  {left} left',
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    barsize: 24,
    // The line of the finished epoch takes the bar's place.
    clearOnComplete: true,
    hideCursor: true,
    // Redrawn from the training loop: timers hardly ever get their turn.
    noTTYOutput: false,
    synchronousUpdate: true,
    fps: 1000 / REDRAW,
    gracefulExit: false,
  });
}

/** What the bar shows beside itself. */
function payload(run: TrainingRun): Record<string, string> {
  const { samplesPerSecond } = run;
  const left = run.loader.samplesPerEpoch - run.samples;
  return {
    epoch: `epoch ${run.epoch}/${run.epochs}`,
    measured: run.samples === 0 ? '' : measuredText(run.measured()),
    speed: samplesPerSecond === 0 ? '-' : samplesPerSecond.toFixed(0),
    left: samplesPerSecond === 0 ? '-' : duration(left / samplesPerSecond),
  };
}

function epochLine(record: EpochRecord, epochs: number): string {
  const { epoch, seconds, samplesPerSecond, lr: _lr, ...measured } = record;
  return `epoch ${epoch}/${epochs}${measuredText(measured)}  ${duration(seconds)}  ${samplesPerSecond.toFixed(0)} samples/s`;
}

function measuredText(values: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => `  ${name} ${value === undefined ? '-' : value.toFixed(4)}`)
    .join('');
}

/** `4.2s`, `1m 05s`, `2h 03m`. */
function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${two(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
}
