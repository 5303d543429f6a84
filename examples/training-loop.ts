// What `train.fit` does, by hand: a loader, a compiled step, an evaluation.
// Run it: npx tsx examples/training-loop.ts
import { compile, data, grad, nn, optim, setSeed, type Tensor } from 'tensorloom';

export async function main({ samples = 2_000, epochs = 3 } = {}): Promise<number> {
  setSeed(0);
  const { training, test } = data.digits({ train: samples, test: Math.ceil(samples / 5) });
  const model = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, 64),
    nn.relu,
    new nn.Dropout(0.1),
    new nn.Linear(64, 10),
  );
  const optimizer = optim.adamw({ lr: 1e-3 }).for(model);

  // Pictures stay bytes until they are inside the step.
  const pixels = (bytes: Tensor): Tensor => bytes.cast('float32').div(255);
  const step = compile((x: Tensor, y: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(pixels(x)), y);
    optimizer.step(grad(loss, model.parameters()));
    return loss;
  });
  const countRight = compile((x: Tensor, y: Tensor): Tensor =>
    model.forward(pixels(x)).argmax(1).eq(y).cast('float32').sum(),
  );

  const loader = new data.DataLoader(training, { batchSize: 50, shuffle: true, seed: 0 });
  let accuracy = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    model.train();
    let total = 0;
    for await (const [x, y] of loader) total += (await step(x, y).item()) * y.size;
    model.eval();
    let right = 0;
    for await (const [x, y] of new data.DataLoader(test, { batchSize: 100 }))
      right += await countRight(x, y).item();
    accuracy = right / test.length;
    console.log(
      `epoch ${epoch + 1}: loss ${(total / samples).toFixed(4)}, test accuracy ${(100 * accuracy).toFixed(1)}%`,
    );
  }
  return accuracy;
}

if (import.meta.filename === process.argv[1]) await main();
