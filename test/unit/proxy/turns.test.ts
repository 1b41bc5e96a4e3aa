import { expect, it } from 'vitest';
import { inGoes, turnOfLoop } from '../../../src/proxy/turns.ts';

/** Numbers of the loop's turns, as far as they are counted. */
function countTurns() {
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  return {
    get now() {
      return turn;
    },
    stop: () => {
      isOver = true;
    },
  };
}

it('whoever waits for a turn gets one of its own, in order of arrival', async () => {
  const turns = countTurns();
  const got: { readonly who: number; readonly turn: number }[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(async (who) => {
      await turnOfLoop();
      got.push({ who, turn: turns.now });
    }),
  );
  turns.stop();
  expect(got.map(({ who }) => who)).toEqual([0, 1, 2, 3]);
  expect(new Set(got.map(({ turn }) => turn)).size).toBe(4);
});

it('work in goes waits at first, and again only when a go is over', async () => {
  const long = inGoes(60_000);
  expect(long()).toBeInstanceOf(Promise);
  await long();
  expect(long()).toBeUndefined();
  const short = inGoes(0);
  await short();
  expect(short()).toBeInstanceOf(Promise);
});

it('two works in goes take turns', async () => {
  const done: string[] = [];
  const work = async (name: string) => {
    const go = inGoes(0);
    for (let piece = 0; piece < 3; piece++) {
      await go();
      done.push(name);
    }
  };
  await Promise.all([work('a'), work('b')]);
  expect(done).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
});
