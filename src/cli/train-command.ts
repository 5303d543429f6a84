import { join } from 'node:path';
import { CheckpointError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { take } from '../data/combine.js';
import { fileExists } from '../data/node/read-file.js';
import { currentDevice } from '../runtime/devices.js';
import { threadCount } from '../runtime/threads.js';
import { setSeed } from '../tensor/random.js';
import { fit } from '../train/fit.js';
import type { RecipeData } from '../recipes/recipe.js';
import { applyDevice } from './device-options.js';
import { formatCount } from './format.js';
import { Interrupt } from './interrupt.js';
import { JsonReporter } from './json-reporter.js';
import { loadData } from './load-data.js';
import { chooseOptimizer } from './optimizers.js';
import { packageVersion } from './package-version.js';
import { EXIT } from './report-error.js';
import { reportTo } from './report-training.js';
import type { Reporter } from './reporter.js';
import { measuringOptions } from './measuring-options.js';
import type { RunConfig } from './run-config.js';
import { defaultFolder, prepareFolder, RUN_FILES, shortPath } from './run-folder.js';
import { saveResults } from './save-results.js';
import { TextReporter } from './text-reporter.js';
import { trainSettings, type TrainOptions, type TrainSettings } from './train-settings.js';

/** `loom train`: trains a recipe and gives the exit code. */
export async function trainCommand(name: string | undefined, options: TrainOptions): Promise<number> {
  const settings = await trainSettings(name, options);
  const reporter = options.json === true ? new JsonReporter() : new TextReporter(process.stdout.isTTY);
  const interrupt = new Interrupt(() =>
    reporter.note('Stopping after this batch; once more to stop at once.'),
  );
  try {
    const folder = options.out ?? options.resume ?? defaultFolder(settings.recipe.name, new Date());
    return await train(settings, { folder, resume: options.resume, reporter, signal: interrupt.signal });
  } finally {
    reporter.close();
    interrupt.release();
  }
}

/** Where a run's files are, and who watches it. */
interface RunContext {
  readonly folder: string;
  /** The folder of the run that goes on. */
  readonly resume: string | undefined;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

async function train(settings: TrainSettings, context: RunContext): Promise<number> {
  const { recipe, epochs, batchSize, seed, limit } = settings;
  const { folder, resume, reporter, signal } = context;
  const start = performance.now();
  applyDevice(settings.device);
  const resumed = resume === undefined ? undefined : await checkpointIn(resume);
  const data = await loadUnlessStopped(settings, context);
  if (data === undefined) return EXIT.interrupted;
  const training = limit === undefined ? data.training : take(data.training, limit);
  // The seed decides everything drawn from here on; weights come first.
  setSeed(seed);
  const model = recipe.model();
  const optimizer = chooseOptimizer(recipe, settings.optimizer, settings.lr);
  const parameters = model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const config: RunConfig = {
    recipe: settings.recipeName,
    epochs,
    batchSize,
    ...(settings.optimizer === undefined ? {} : { optimizer: settings.optimizer }),
    lr: optimizer.lr,
    seed,
    ...(limit === undefined ? {} : { limit }),
    ...(settings.data === undefined ? {} : { data: settings.data }),
    device: currentDevice().name,
    threads: threadCount(),
    ...(settings.device.tune === true ? { tune: true } : {}),
    inputShape: data.inputShape,
    ...(data.classes === undefined ? {} : { classes: data.classes }),
    parameters,
    version: packageVersion(),
  };
  await prepareFolder(folder, config, resume !== undefined);
  reporter.start({
    recipe: recipe.name,
    description: recipe.description,
    trainingSamples: training.length,
    testSamples: data.test.length,
    parameters,
    epochs,
    batchSize,
    optimizer: optimizer.name,
    lr: optimizer.lr,
    seed,
    device: `${config.device}, ${formatCount(threadCount())} ${threadCount() === 1 ? 'thread' : 'threads'}`,
    out: shortPath(folder),
    resumes: resume !== undefined,
  });
  const measuring = measuringOptions(recipe);
  const history = await fit(model, training, {
    ...measuring,
    loss: recipe.loss,
    optimizer,
    epochs,
    batchSize,
    seed,
    shuffle: recipe.shuffle ?? true,
    ...(recipe.transform === undefined ? {} : { transform: recipe.transform }),
    validation: data.test,
    metrics: recipe.task === 'classification' ? ['accuracy'] : [],
    callbacks: [reportTo(reporter, folder)],
    checkpoint: join(folder, RUN_FILES.checkpoint),
    ...(resumed === undefined ? {} : { resume: resumed }),
    config: { recipe: recipe.name, optimizer: optimizer.name, limit },
    signal,
  });
  if (history.interrupted) {
    reporter.note(
      `Stopped; the checkpoint is saved. Go on with: npx loom train ${settings.recipeName} --resume ${shortPath(folder)}`,
    );
    return EXIT.interrupted;
  }
  const results = await saveResults({ folder, model, recipe, data, epochs: history.epochs, measuring });
  reporter.end({ ...results, seconds: (performance.now() - start) / 1000, out: shortPath(folder) });
  return EXIT.success;
}

/** The data, or undefined if Ctrl-C came first. */
async function loadUnlessStopped(
  { recipe, data, seed }: TrainSettings,
  { reporter, signal }: RunContext,
): Promise<RecipeData | undefined> {
  try {
    return await loadData(recipe, { folder: data, seed, note: (text) => reporter.note(text), signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    reporter.note('Stopped before training began.');
    return undefined;
  }
}

async function checkpointIn(folder: string): Promise<string> {
  const path = join(folder, RUN_FILES.checkpoint);
  if (await fileExists(path)) return path;
  throw new CheckpointError(
    `${folder} has no ${RUN_FILES.checkpoint} to resume from`,
    'a run saves one after each epoch and at Ctrl-C; start it anew without --resume',
  );
}
