import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import {
  applyCheckpoint,
  gatherCheckpoint,
  type CheckpointNotes,
  type CheckpointTarget,
} from './checkpoint-state.js';

/**
 * Writes everything that decides how a training goes on to one safetensors file: the model's parameters and running statistics
 * (`model.…`), the optimizer's state (`optimizer.…`), the random streams (`random.…`), and notes. The file is there whole or not at
 * all. Node only.
 *
 * @throws FileError if the file cannot be written.
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { nn, optim, train } from 'tensorloom';
 *
 * const path = `${await mkdtemp(`${tmpdir()}/loom-`)}/checkpoint.safetensors`;
 * const model = new nn.Linear(2, 1);
 * const optimizer = optim.adam().for(model);
 * await train.saveCheckpoint(path, { model, optimizer }, { config: { width: 2 } });
 * const notes = await train.loadCheckpoint(path, { model, optimizer });
 * notes.config; // => { width: 2 }
 * ```
 */
export async function saveCheckpoint(
  path: string,
  target: CheckpointTarget,
  notes: CheckpointNotes = {},
): Promise<void> {
  const { writeFileAtomic } = await import('../core/node/atomic-file.js');
  const { arrays, metadata } = await gatherCheckpoint(target, notes);
  await writeFileAtomic(path, encodeSafetensors(arrays, metadata));
}

/**
 * Puts a checkpoint into a model and, if given, its optimizer; the random streams go with the optimizer. Nothing is changed if
 * anything does not fit. Node only.
 *
 * @returns the notes that were saved with it.
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is damaged or no checkpoint.
 * @throws CheckpointError if it is that of another model or optimizer, listing the first differences.
 */
export async function loadCheckpoint(path: string, target: CheckpointTarget): Promise<CheckpointNotes> {
  const { readBytes } = await import('../data/node/read-file.js');
  return applyCheckpoint(decodeSafetensors(await readBytes(path), path), target, path);
}
