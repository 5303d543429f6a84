import type { AnyStorage } from './storage.js';

/** Numbers of what is watched among the inputs and the scalars of a program. */
export interface Watched {
  readonly inputs: readonly number[];
  readonly scalars: readonly number[];
}

/** Notices when something that a program is given has changed since it was last noted. */
export class Changes {
  /** Identity and version of each input, then the scalars. */
  private known: readonly (number | undefined)[] | undefined;

  /** Whether anything is another than was noted, or nothing has been noted. */
  since(watched: Watched, inputs: readonly AnyStorage[], scalars: readonly number[]): boolean {
    const { known } = this;
    if (known === undefined) return true;
    let at = 0;
    for (const number of watched.inputs) {
      const input = inputs[number];
      if (known[at++] !== input?.id || known[at++] !== input?.version) return true;
    }
    return watched.scalars.some((number) => !Object.is(known[at++], scalars[number]));
  }

  note(watched: Watched, inputs: readonly AnyStorage[], scalars: readonly number[]): void {
    this.known = [
      ...watched.inputs.flatMap((number) => [inputs[number]?.id, inputs[number]?.version]),
      ...watched.scalars.map((number) => scalars[number]),
    ];
  }

  forget(): void {
    this.known = undefined;
  }
}
