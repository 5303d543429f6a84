import { Command } from 'commander';
import { all } from '../recipes/index.js';
import { deviceNames } from '../runtime/devices.js';
import { deviceName } from './device-options.js';
import { evaluateCommand, type EvaluateOptions } from './evaluate-command.js';
import { infoCommand, type InfoOptions } from './info-command.js';
import { positiveNumber, wholeNumber } from './number-options.js';
import { optimizerName } from './optimizers.js';
import { packageVersion } from './package-version.js';
import { profileCommand, type ProfileCommandOptions } from './profile-command.js';
import { predictCommand, type PredictOptions } from './predict-command.js';
import { recipesCommand } from './recipes-command.js';
import { trainCommand } from './train-command.js';
import { DEFAULT_RECIPE, type TrainOptions } from './train-settings.js';

const EXAMPLES = `
Examples:
  loom train                                       digits that the program draws itself; needs no files
  loom train mnist-cnn --data DIR                  MNIST from its four files in DIR
  loom predict --model runs/NAME --image four.png
  loom evaluate --model runs/NAME
  loom profile mnist-cnn                           what each kernel of a training step takes

Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted by Ctrl-C (a checkpoint is saved).`;

/**
 * The commands and their options.
 *
 * @param finish takes the exit code of a command that came to an end.
 */
export function commandLine(finish: (exitCode: number) => void): Command {
  const program = new Command('loom')
    .description('Trains and uses neural networks.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);

  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .helpOption('-h, --help', 'print help')
      .option('--debug', 'print stack traces of errors');

  tuned(onDevice(command('train', 'train a recipe')))
    .argument(
      '[recipe]',
      `one of ${all.map(({ name }) => name).join(', ')}, or a file that exports one (default: ${all[0]?.name ?? ''})`,
    )
    .option('--data <dir>', 'folder with the data files (default: the cache folder, or a download)')
    .option('--epochs <n>', 'passes through the training data', wholeNumber('--epochs', 1))
    .option('--batch-size <n>', 'samples in a batch', wholeNumber('--batch-size', 1))
    .option('--lr <x>', 'learning rate', positiveNumber('--lr'))
    .option('--optimizer <name>', "another optimizer than the recipe's", optimizerName)
    .option('--seed <n>', 'decides weights, order and augmentation (default: 0)', wholeNumber('--seed', 0))
    .option('--limit <n>', 'use the first n training samples', wholeNumber('--limit', 1))
    .option('--out <dir>', 'folder for the results (default: runs/<recipe>-<time>)')
    .option('--json', 'print one JSON object a line on stdout, and nothing else there')
    .option('--resume <dir>', 'go on with the run in that folder, from its last checkpoint')
    .action(async (recipe: string | undefined, options: TrainOptions) =>
      finish(await trainCommand(recipe, options)),
    );

  onDevice(command('predict', 'say which classes a picture most likely belongs to'))
    .requiredOption('--model <dir>', 'folder of a training run')
    .requiredOption('--image <file>', 'PNG or JPEG picture')
    .option('--json', 'print one JSON object')
    .action((options: PredictOptions) => predictCommand(options));

  onDevice(command('evaluate', 'measure a trained model on test data'))
    .requiredOption('--model <dir>', 'folder of a training run')
    .option('--data <dir>', 'folder with the data files (default: where the run had them)')
    .option('--batch-size <n>', 'samples in a batch (default: 128)', wholeNumber('--batch-size', 1))
    .option('--json', 'print one JSON object')
    .action((options: EvaluateOptions) => evaluateCommand(options));

  tuned(onDevice(command('profile', 'show what each kernel of a training step takes')))
    .argument('[recipe]', `as for train (default: ${DEFAULT_RECIPE})`)
    .option('--data <dir>', 'folder with the data files (default: the cache folder, or a download)')
    .option('--batch-size <n>', 'samples in the batch', wholeNumber('--batch-size', 1))
    .option('--seed <n>', 'decides weights, order and augmentation (default: 0)', wholeNumber('--seed', 0))
    .option(
      '--repeats <n>',
      'steps to run, of which the fastest is shown (default: 20)',
      wholeNumber('--repeats', 1),
    )
    .option('--out <dir>', 'folder for the files (default: runs/<recipe>-profile-<time>)')
    .option('--json', 'print one JSON object a line: one for each kernel, and one at the end')
    .action((recipe: string | undefined, options: ProfileCommandOptions) => profileCommand(recipe, options));

  onDevice(command('info', 'print what this machine can do'))
    .option('--json', 'print one JSON object')
    .action((options: InfoOptions) => infoCommand(options));

  command('recipes', 'list the recipes, or print one as a file to copy')
    .argument('[recipe]', 'the one to print')
    .option('--json', 'print one JSON object a line')
    .action((recipe: string | undefined, options: { json?: boolean }) => recipesCommand(recipe, options));

  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({
      // Errors are told in one place, by `run`.
      writeErr: () => undefined,
      outputError: () => undefined,
    });
  }
  return program;
}

function tuned(command: Command): Command {
  return command.option(
    '--tune',
    'measure heavy kernels in several ways, once on this machine, and use the fastest',
  );
}

function onDevice(command: Command): Command {
  return command
    .option('--device <name>', `where to compute: ${deviceNames().join(', ')}`, deviceName)
    .option('--threads <n>', 'threads (default: one for each core)', wholeNumber('--threads', 1));
}
