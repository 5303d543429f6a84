import { describe, expect, it } from 'vitest';
import { ThreadChoice } from '../../src/runtime/thread-choice.js';

/** The threads of `count` runs that take these times. */
function runs(
  choice: ThreadChoice,
  count: number,
  most: number,
  time: (threads: number) => number,
): number[] {
  return Array.from({ length: count }, () => {
    const threads = choice.next(most);
    choice.note(time(threads));
    return threads;
  });
}

describe('the number of threads of a short program', () => {
  it('is one where the others cost more than they bring', () => {
    const taken = runs(new ThreadChoice(), 100, 4, (threads) => (threads === 1 ? 0.05 : 0.2));
    expect(taken.slice(-50).every((threads) => threads === 1)).toBe(true);
  });

  it('is all where they pay', () => {
    const taken = runs(new ThreadChoice(), 100, 4, (threads) => (threads === 1 ? 0.2 : 0.08));
    expect(taken.slice(-50).every((threads) => threads === 4)).toBe(true);
  });

  it('is all, without trying one, for long programs', () => {
    const taken = runs(new ThreadChoice(), 100, 2, () => 5);
    expect(taken).not.toContain(1);
  });

  it('is all again after few tries where one takes much longer', () => {
    const taken = runs(new ThreadChoice(), 100, 16, (threads) => (threads === 1 ? 1.5 : 0.1));
    expect(taken.filter((threads) => threads === 1)).toHaveLength(2);
  });

  it('is one where others keep the cores, though the program is then no short one', () => {
    const taken = runs(new ThreadChoice(), 100, 2, (threads) => (threads === 1 ? 0.3 : 0.7));
    expect(taken.slice(-50).every((threads) => threads === 1)).toBe(true);
  });

  it('is looked at again after a while', () => {
    const choice = new ThreadChoice();
    const before = runs(choice, 10_000, 2, (threads) => (threads === 1 ? 0.05 : 0.2));
    const after = runs(choice, 450, 2, (threads) => (threads === 1 ? 0.3 : 0.1));
    expect([before.at(-1), after.at(-1)]).toEqual([1, 2]);
  });

  it('is looked at again soon at first', () => {
    const choice = new ThreadChoice();
    const before = runs(choice, 90, 2, (threads) => (threads === 1 ? 0.2 : 0.3));
    const after = runs(choice, 50, 2, (threads) => (threads === 1 ? 0.2 : 0.1));
    expect([before.at(-1), after.at(-1)]).toEqual([1, 2]);
  });
});
