// A small CNN on handwritten digits that the library draws itself: model, data, fit.
// Run it: npx tsx examples/digits.ts
import { data, nn, optim, train } from 'tensorloom';

export async function main({ samples = 5_000, epochs = 3 } = {}): Promise<number> {
  const { training, test } = data.digits({ train: samples, test: Math.ceil(samples / 5) });
  const model = new nn.Sequential(
    new nn.Conv2d(1, 16, 3),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(32 * 5 * 5, 10),
  );
  const history = await train.fit(model, training, {
    loss: nn.crossEntropy,
    optimizer: optim.adam({ lr: 2e-3 }),
    epochs,
    batchSize: 64,
    validation: test,
    metrics: ['accuracy'],
  });
  const accuracy = history.epochs.at(-1)?.valAccuracy ?? 0;
  console.log(`${(100 * accuracy).toFixed(1)}% of the digits that the network has not seen are recognised`);
  return accuracy;
}

if (import.meta.filename === process.argv[1]) await main();
