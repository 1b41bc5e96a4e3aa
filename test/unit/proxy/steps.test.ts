import { expect, it } from 'vitest';
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
