import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/port.ts';
import { findHits } from '../../../src/proxy/hits.ts';
import { locateStates } from '../../../src/proxy/load-states.ts';
import { openSeenStates } from '../../../src/proxy/seen-states.ts';
import { openSteps } from '../../../src/proxy/steps.ts';
import { openMemoryCache } from '../../../src/states/cache.ts';

it('searches of an index take two steps once most of their states were in memory for a while, and one again after', () => {
  const steps = openSteps();
  expect(steps.areTwo('a')).toBe(false);
  steps.observe('a', 1);
  expect(steps.areTwo('a')).toBe(false);
  for (let search = 0; search < 10; search++) steps.observe('a', 1);
  expect(steps.areTwo('a')).toBe(true);
  expect(steps.areTwo('b')).toBe(false);
  expect(steps.areTwo(undefined)).toBe(false);
  for (let search = 0; search < 10; search++) steps.observe('a', 0);
  expect(steps.areTwo('a')).toBe(false);
});

it('states are kept from the second time on, as a copy, for their own index only', () => {
  const seen = openSeenStates(openMemoryCache(1000));
  const read = Uint8Array.of(1, 2, 3);
  expect(seen.saw('a', 'hash', read)).toBe(false);
  expect(seen.get('a', 'hash')).toBeUndefined();
  expect(seen.saw('a', 'hash', read)).toBe(false);
  read.fill(9);
  expect(seen.get('a', 'hash')).toEqual(Uint8Array.of(1, 2, 3));
  expect(seen.saw('a', 'hash', read)).toBe(true);
  expect(seen.get('b', 'hash')).toBeUndefined();
});

it('states under the plain hash of a text, which are made here, are not those of an index', () => {
  const cache = openMemoryCache(1000);
  cache.set('hash', Uint8Array.of(1));
  expect(openSeenStates(cache).get('a', 'hash')).toBeUndefined();
});

describe('states that the cluster does not have', () => {
  const answer = Buffer.from('{"hits":{"hits":[{"_index":"i","_id":"a","_source":{}}]}}');
  const window = { answer, hits: findHits(answer, 'mice.states').hits, texts: [{ text: 'ice', hash: 'h' }] };
  const { signal } = new AbortController();

  /** How often the cluster was asked, search after search. */
  function searches(ask: () => Promise<readonly undefined[]>, absentMs?: number) {
    let asked = 0;
    const locate = locateStates({
      engine: {} as Engine,
      object: 'mice',
      placing: { ofHit: () => 'field', rewrites: () => false },
      memory: {
        seen: openSeenStates(openMemoryCache(1000), absentMs),
        ask: () => {
          asked += 1;
          return ask();
        },
      },
      onFault: () => {},
    });
    return async () => {
      expect(await locate(window, signal)).toEqual([{ states: undefined, isOwn: true }]);
      return asked;
    };
  }

  it('are not asked for again, for a while', async () => {
    const search = searches(async () => [undefined]);
    expect([await search(), await search()]).toEqual([1, 1]);
  });

  it('may be there later', async () => {
    const search = searches(async () => [undefined], 1);
    expect(await search()).toBe(1);
    await setTimeout(10);
    expect(await search()).toBe(2);
  });

  it('are asked for again where the cluster gave no answer', async () => {
    const search = searches(async () => {
      throw new Error('unreachable');
    });
    expect([await search(), await search()]).toEqual([1, 2]);
  });
});
