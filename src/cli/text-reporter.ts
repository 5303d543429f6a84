import { SingleBar } from 'cli-progress';
import type { EpochRecord } from '../train/history.js';
import { confusionTable } from './confusion-table.js';
import { formatCount, formatLoss, formatPercent, formatSeconds } from './format.js';
import type { Reporter, RunEnd, RunProgress, RunStart } from './reporter.js';

/** Lines for people; in a terminal with a progress bar below them. */
export class TextReporter implements Reporter {
  private readonly terminal: boolean;
  private bar: SingleBar | undefined;

  constructor(terminal: boolean) {
    this.terminal = terminal;
  }

  note(text: string): void {
    this.line(text);
  }

  start(run: RunStart): void {
    const { recipe, description, trainingSamples, testSamples, parameters, epochs, batchSize, lr, seed } =
      run;
    this.line(`${run.resumes ? 'Resuming' : 'Training'} ${recipe}: ${description}.`);
    this.line(
      `${formatCount(trainingSamples)} training and ${formatCount(testSamples)} test samples, ` +
        `${formatCount(parameters)} parameters, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, batches of ${batchSize}, ` +
        `${run.optimizer} at ${lr}, seed ${seed}, on ${run.device}.`,
    );
    this.line(`Files go to ${run.out}.${this.terminal ? ' Ctrl-C saves a checkpoint and stops.' : ''}`);
    this.line('');
  }

  progress(at: RunProgress): void {
    if (!this.terminal) return;
    const payload = {
      epoch: `${at.epoch}/${at.epochs}`,
      loss: formatLoss(at.loss),
      accuracy: at.accuracy === undefined ? '' : `  accuracy ${formatPercent(at.accuracy)}`,
      speed: formatCount(at.samplesPerSecond),
      left: formatSeconds(at.secondsLeft),
    };
    if (this.bar === undefined) {
      this.bar = new SingleBar({
        format: 'epoch {epoch} {bar} {percentage}%  loss {loss}{accuracy}  {speed} samples/s  {left} left',
        barCompleteChar: '━',
        barIncompleteChar: '╌',
        barsize: Math.max(5, Math.min(30, (process.stdout.columns || 80) - 76)),
        stream: process.stdout,
        hideCursor: true,
        clearOnComplete: true,
        fps: 8,
        linewrap: false,
        // Ctrl-C is handled elsewhere.
        gracefulExit: false,
      });
      this.bar.start(at.batches, at.batch, payload);
    } else {
      this.bar.update(at.batch, payload);
    }
  }

  epoch(record: EpochRecord, epochs: number): void {
    this.closeBar();
    const { epoch, loss, accuracy, valLoss, valAccuracy, seconds, samplesPerSecond } = record;
    const width = String(epochs).length;
    const parts = [`epoch ${String(epoch).padStart(width)}/${epochs}`, `loss ${formatLoss(loss)}`];
    if (accuracy !== undefined) parts.push(`accuracy ${formatPercent(accuracy)}`);
    if (valLoss !== undefined) parts.push(`test loss ${formatLoss(valLoss)}`);
    if (valAccuracy !== undefined) parts.push(`test accuracy ${formatPercent(valAccuracy)}`);
    parts.push(formatSeconds(seconds), `${formatCount(samplesPerSecond)} samples/s`);
    this.line(parts.join('  '));
  }

  end(result: RunEnd): void {
    const { testLoss, testAccuracy, seconds, out, files, confusion, takesPictures } = result;
    this.closeBar();
    this.line('');
    if (confusion !== undefined) this.line(`${confusionTable(confusion.counts, confusion.classes)}\n`);
    const accuracy = testAccuracy === undefined ? '' : `Test accuracy ${formatPercent(testAccuracy)}, `;
    this.line(
      `${accuracy}${accuracy === '' ? 'Test' : 'test'} loss ${formatLoss(testLoss)}, after ${formatSeconds(seconds)}.`,
    );
    this.line(`Written to ${out}: ${files.join(', ')}`);
    if (takesPictures) this.line(`Try it: npx loom predict --model ${out} --image FILE.png`);
  }

  close(): void {
    this.closeBar();
  }

  private closeBar(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private line(text: string): void {
    this.closeBar();
    process.stdout.write(`${text}\n`);
  }
}
