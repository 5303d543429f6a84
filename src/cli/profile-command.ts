import { join, resolve } from 'node:path';
import { DataError } from '../core/errors.js';
import { makeFolder, writeFileAtomic } from '../core/node/atomic-file.js';
import { chromeTrace } from '../interop/chrome-trace.js';
import type { Recipe } from '../recipes/recipe.js';
import { inspect, type Profile } from '../tensor/inspect.js';
import { setSeed } from '../tensor/random.js';
import { resolveMetrics } from '../train/metrics.js';
import { inMode } from '../train/mode.js';
import { scalePixels } from '../train/preprocess.js';
import { loaderOf, tensorOf } from '../train/source.js';
import { trainingStep } from '../train/step.js';
import { applyDevice, type DeviceOptions } from './device-options.js';
import { findRecipe } from './find-recipe.js';
import { loadData } from './load-data.js';
import { packageVersion } from './package-version.js';
import { profileTable, totalOf } from './profile-table.js';
import { defaultFolder, shortPath } from './run-folder.js';
import { DEFAULT_RECIPE } from './train-settings.js';
import { UsageError } from './usage-error.js';

/** The files of a profile, in the folder of its run. */
export const PROFILE_FILES = {
  chart: 'profile.svg',
  trace: 'trace.json',
  profile: 'profile.json',
} as const;

export interface ProfileCommandOptions extends DeviceOptions {
  readonly data?: string;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly repeats?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** What was profiled, beside the profile itself. */
interface Subject {
  readonly recipe: string;
  readonly batchSize: number;
  readonly seed: number;
}

/** `loom profile`: what each kernel of a recipe's training step takes. */
export async function profileCommand(
  name: string | undefined,
  options: ProfileCommandOptions,
): Promise<void> {
  const recipe = await findRecipe(name ?? DEFAULT_RECIPE);
  if (options.device === 'reference')
    throw new UsageError(
      "the device 'reference' has no kernels to profile",
      'leave out --device, or choose another one',
    );
  applyDevice(options);
  const { subject, profile } = await profileStep(recipe, options);
  const folder = options.out ?? defaultFolder(`${recipe.name}-profile`, new Date());
  await writeProfile(folder, subject, profile);
  if (options.json === true) printJson(subject, profile, folder);
  else printText(subject, profile, folder);
}

/** Profiles a training step with the recipe's first batch. */
async function profileStep(
  recipe: Recipe,
  options: ProfileCommandOptions,
): Promise<{ readonly subject: Subject; readonly profile: Profile }> {
  const { seed = 0, repeats } = options;
  const { training } = await loadData(recipe, {
    folder: options.data === undefined ? undefined : resolve(options.data),
    seed,
    note: (text) => void process.stderr.write(`${text}\n`),
  });
  const loader = await loaderOf(training, {
    shuffle: recipe.shuffle ?? true,
    batchSize: options.batchSize ?? recipe.batchSize,
    seed,
    transform: recipe.transform,
  });
  const first = await loader.epoch(0).next();
  if (first.done === true)
    throw new DataError(`recipe ${recipe.name} has no training data`, 'a step needs at least one sample');
  const { inputs, targets } = first.value;
  setSeed(seed);
  const model = recipe.model();
  const optimizer = recipe.optimizer(recipe.lr).for(model);
  const metrics = resolveMetrics(recipe.task === 'classification' ? ['accuracy'] : []);
  const step = trainingStep(
    model,
    optimizer,
    { loss: recipe.loss, metrics },
    recipe.preprocess ?? scalePixels,
  );
  const profile = await inMode(model, true, () =>
    inspect(step.compiled, tensorOf(inputs), tensorOf(targets)).profile(
      repeats === undefined ? {} : { repeats },
    ),
  );
  return { subject: { recipe: recipe.name, batchSize: inputs.shape[0] ?? 0, seed }, profile };
}

async function writeProfile(folder: string, subject: Subject, profile: Profile): Promise<void> {
  await makeFolder(folder);
  // Loaded when it is needed: drawing takes longer to load than everything else together.
  const { profileChart } = await import('../plot/index.js');
  const title = `${subject.recipe}: a training step with ${samples(subject)}`;
  const write = (file: string, text: string): Promise<void> => writeFileAtomic(join(folder, file), text);
  await write(
    PROFILE_FILES.profile,
    `${JSON.stringify({ version: packageVersion(), ...subject, ...profile })}\n`,
  );
  await write(PROFILE_FILES.trace, chromeTrace(profile, { name: title }));
  await write(PROFILE_FILES.chart, await profileChart(profile, { title }));
}

const samples = ({ batchSize }: Subject): string => `${batchSize} ${batchSize === 1 ? 'sample' : 'samples'}`;

function printJson({ recipe, batchSize }: Subject, profile: Profile, folder: string): void {
  const { target, threads, milliseconds, idleMilliseconds, kernels, ceilings } = profile;
  const { ceilingMilliseconds, flops, bytes } = totalOf(kernels);
  const lines = kernels.map((kernel, number) => {
    // Its expressions are in profile.json.
    const { text: _, ...figures } = kernel;
    return { event: 'kernel', number, ...figures };
  });
  const end = {
    event: 'end',
    recipe,
    batchSize,
    target,
    threads,
    milliseconds,
    idleMilliseconds,
    ceilingMilliseconds,
    flops,
    bytes,
    ceilings,
    out: folder,
  };
  for (const line of [...lines, end]) process.stdout.write(`${JSON.stringify(line)}\n`);
}

function printText(subject: Subject, profile: Profile, folder: string): void {
  const { target, threads, milliseconds, kernels, ceilings, lostSpans } = profile;
  const { ceilingMilliseconds } = totalOf(kernels);
  const [cache, main] = [ceilings.memory[0], ceilings.memory.at(-1)];
  const speed = (value = 0): string => value.toFixed(value < 100 ? 1 : 0);
  process.stdout.write(
    `A training step of ${subject.recipe} with ${samples(subject)} on ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: ` +
      `${milliseconds.toFixed(2)} ms, of which ${ceilingMilliseconds.toFixed(2)} ms would be left if every kernel were at its ceiling.\n` +
      `The ceilings: ${speed(ceilings.gigaflopsPerSecond)} GFLOP/s; copying ${speed(cache?.copyGigabytesPerSecond)} GB/s in the first cache, ` +
      `${speed(main?.copyGigabytesPerSecond)} GB/s in main memory.\n\n` +
      `${profileTable(profile)}\n\n` +
      (lostSpans === 0 ? '' : `${lostSpans} runs of kernels had no room in the timeline.\n`) +
      `Written to ${shortPath(folder)}: ${Object.values(PROFILE_FILES).join(', ')}\n` +
      `${PROFILE_FILES.trace} opens in https://ui.perfetto.dev and chrome://tracing.\n`,
  );
}
