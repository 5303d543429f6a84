import { TensorloomError } from '../core/errors.js';
import { UsageError } from './usage-error.js';

/** What a command's exit code says. */
export const EXIT = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/**
 * What a person reads when a command fails: what was wrong and a hint; with `debug`, where it happened too.
 */
export function describeError(error: unknown, debug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = [`loom: ${message}`];
  if (debug && error instanceof Error) lines.push('', stackOf(error));
  else if (error instanceof UsageError && error.hint === '')
    lines.push('  hint: loom --help lists commands and options');
  else if (!(error instanceof TensorloomError)) lines.push('  hint: --debug shows where this happened');
  return `${lines.join('\n')}\n`;
}

/** The exit code that tells of an error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? EXIT.usage : EXIT.failure;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
