// A straight line through noisy points, with nothing but tensors, gradients and an optimizer.
// Run it: npx tsx examples/line.ts
import { compile, grad, optim, Parameter, random, setSeed, zeros } from 'tensorloom';

export async function main({ steps = 200 } = {}): Promise<{ slope: number; offset: number }> {
  setSeed(1);
  const x = random.uniform([100], { low: -1, high: 1 });
  const y = x
    .mul(3)
    .add(0.5)
    .add(random.normal([100], { std: 0.05 }));

  const slope = new Parameter(zeros([]));
  const offset = new Parameter(zeros([]));
  const optimizer = optim.sgd({ lr: 0.3 }).for([slope, offset]);

  // `compile` turns the function into one program; each call is one dispatch.
  const step = compile(() => {
    const loss = x.mul(slope).add(offset).sub(y).square().mean();
    optimizer.step(grad(loss, [slope, offset]));
    return loss;
  });

  for (let i = 0; i < steps; i++) {
    const loss = step();
    if (i % 50 === 0) console.log(`step ${i}: loss ${(await loss.item()).toFixed(5)}`);
  }
  const result = { slope: await slope.item(), offset: await offset.item() };
  console.log(`y = ${result.slope.toFixed(2)} x + ${result.offset.toFixed(2)}`);
  return result;
}

if (import.meta.filename === process.argv[1]) await main();
