import type { Module } from '../nn/module.js';

/** Runs `body` with the model in training or evaluation mode; afterwards each of its modules is in the mode it was in. */
export async function inMode<T>(model: Module, training: boolean, body: () => Promise<T>): Promise<T> {
  const before = [...model.namedModules().values()].map((module) => [module, module.training] as const);
  if (training) model.train();
  else model.eval();
  try {
    return await body();
  } finally {
    for (const [module, mode] of before) module.training = mode;
  }
}
