import type { Tensor } from '../tensor/tensor.js';
import type { Named, Stage, Transformation } from './transformation.js';

/** The names of one stage's state within the composition's. */
type Renaming = Readonly<Record<string, string>>;

/** Stages one after the other as one. States that several stages call alike are told apart by the stage's number. */
export function compose(...stages: readonly Transformation[]): Transformation {
  const states = rename(stages.map((stage) => Object.keys(stage.state ?? {})));
  const shared = rename(stages.map((stage) => Object.keys(stage.shared ?? {})));
  return {
    state: join(stages.map((stage, i) => outward(stage.state ?? {}, states[i] ?? {}))),
    shared: join(stages.map((stage, i) => outward(stage.shared ?? {}, shared[i] ?? {}))),
    update(first, moments, clock) {
      let current: Stage = first;
      stages.forEach((stage, i) => {
        const [ofEach, ofAll] = [states[i] ?? {}, shared[i] ?? {}];
        const result = stage.update(
          {
            directions: current.directions,
            states: first.states.map((state) => inward(state, ofEach)),
            shared: inward(first.shared, ofAll),
          },
          moments,
          clock,
        );
        current = {
          directions: result.directions,
          states: current.states.map((state, k) => ({
            ...state,
            ...outward(result.states[k] ?? {}, ofEach),
          })),
          shared: { ...current.shared, ...outward(result.shared, ofAll) },
        };
      });
      return current;
    },
  };
}

function rename(names: readonly (readonly string[])[]): Renaming[] {
  const all = names.flat();
  const unique = (name: string): boolean => all.indexOf(name) === all.lastIndexOf(name);
  return names.map((own, i) =>
    Object.fromEntries(own.map((name) => [name, unique(name) ? name : `${i}.${name}`])),
  );
}

function outward<T>(own: Named<T>, names: Renaming): Named<T> {
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [names[name] ?? name, value]));
}

function inward(all: Named<Tensor>, names: Renaming): Named<Tensor> {
  return Object.fromEntries(Object.entries(names).map(([name, outer]) => [name, all[outer] as Tensor]));
}

function join<T>(parts: readonly Named<T>[]): Named<T> {
  return Object.assign({}, ...parts) as Named<T>;
}
