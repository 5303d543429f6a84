import type { Func } from './ir.js';

/** Functions that kernels of a program have in common, each made when it is first asked for. */
export class FunctionLibrary {
  private readonly known = new Map<string, Func>();

  /** The function of this name, which says all that its code depends on. */
  get(name: string, make: (name: string) => Func): Func {
    let func = this.known.get(name);
    if (func === undefined) this.known.set(name, (func = make(name)));
    return func;
  }

  get functions(): readonly Func[] {
    return [...this.known.values()];
  }
}
