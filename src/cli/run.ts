import { CommanderError } from 'commander';
import { commandLine } from './command-line.js';
import { describeError, EXIT, exitCodeOf } from './report-error.js';
import { UsageError } from './usage-error.js';

/** Runs a command and gives its exit code; whatever goes wrong is told on stderr. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.success;
  const program = commandLine((code) => (exitCode = code));
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version were printed; nothing went wrong.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.success;
    const told = error instanceof CommanderError ? usageError(error) : error;
    process.stderr.write(describeError(told, args.includes('--debug')));
    return exitCodeOf(told);
  }
}

/** Commander's complaint in our form: `error: unknown option '--epoch'\n(Did you mean --epochs?)`. */
function usageError(error: CommanderError): UsageError {
  const [message = '', suggestion = ''] = error.message.replace(/^error: /, '').split('\n');
  const hint = suggestion.replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?');
  return new UsageError(message, hint, { cause: error });
}
