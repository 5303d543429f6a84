// Save a trained model as safetensors, which other frameworks read too, and load it into a fresh one.
// Run it: npx tsx examples/save-and-load.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interop, nn, random, setSeed } from 'tensorloom';

const build = (): nn.Sequential => new nn.Sequential(new nn.Linear(4, 8), nn.tanh, new nn.Linear(8, 2));

export async function main(): Promise<boolean> {
  setSeed(3);
  const model = build();
  const folder = await mkdtemp(join(tmpdir(), 'tensorloom-'));
  try {
    const path = join(folder, 'model.safetensors');
    await interop.saveSafetensors(path, model.stateDict(), { made: 'by examples/save-and-load.ts' });

    const { tensors, metadata } = await interop.loadSafetensors(path);
    console.log(`${tensors.size} tensors, ${metadata.made ?? ''}`);
    const copy = build();
    copy.loadState(Object.fromEntries(tensors));

    const x = random.normal([3, 4]);
    const same: boolean = (await model.forward(x).eq(copy.forward(x)).all().array()) === true;
    console.log(same ? 'both models give the same outputs' : 'the outputs differ');
    return same;
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (import.meta.filename === process.argv[1]) await main();
