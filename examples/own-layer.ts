// A layer of one's own: any class with a `forward` whose attributes are parameters and other layers.
// Run it: npx tsx examples/own-layer.ts
import { data, nn, ones, optim, Parameter, train, zeros, type Tensor } from 'tensorloom';

/** x + scale · inner(x), with a learned scale that starts at zero (ReZero; Bachlechner et al. 2020). */
class Residual extends nn.Module {
  readonly inner: nn.Sequential;
  readonly scale = new Parameter(zeros([]));

  constructor(features: number) {
    super();
    this.inner = new nn.Sequential(
      new nn.Linear(features, features),
      nn.gelu,
      new nn.Linear(features, features),
    );
  }

  forward(x: Tensor): Tensor {
    return x.add(this.inner.forward(x).mul(this.scale));
  }
}

/** Two half moons, one in the other. */
function moons(count: number): data.ArrayDataset {
  const points: number[][] = [];
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    const [angle, label] = [(Math.PI * i) / count, i % 2];
    points.push(
      label === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)],
    );
    labels.push(label);
  }
  return new data.ArrayDataset(points, labels, { classes: 2 });
}

export async function main({ epochs = 30 } = {}): Promise<number> {
  const model = new nn.Sequential(
    new nn.Linear(2, 16),
    new Residual(16),
    new Residual(16),
    nn.relu,
    new nn.Linear(16, 2),
  );
  console.log(Object.keys(model.namedParameters()).join(', '));
  console.log(`output for a batch of 4: [${model.forward(ones([4, 2])).shape.join(', ')}]`);
  const history = await train.fit(model, moons(400), {
    loss: nn.crossEntropy,
    optimizer: optim.adam({ lr: 1e-2 }),
    epochs,
    batchSize: 40,
    metrics: ['accuracy'],
  });
  const accuracy = history.epochs.at(-1)?.accuracy ?? 0;
  console.log(`accuracy ${(100 * accuracy).toFixed(1)}%`);
  return accuracy;
}

if (import.meta.filename === process.argv[1]) await main();
