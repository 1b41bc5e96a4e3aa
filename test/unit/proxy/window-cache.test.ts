import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { findHits } from '../../../src/proxy/hits.ts';
import { keptWindow, openWindowCache, orderIn, windowKey } from '../../../src/proxy/window-cache.ts';

function answerOf(...hits: readonly { id: string; text: string; score?: number; states?: string }[]) {
  const answer = Buffer.from(
    JSON.stringify({
      hits: {
        hits: hits.map(({ id, text, score = 1, states }) => ({
          _index: 'i',
          _id: id,
          _score: score,
          _source: { text },
          ...(states && { fields: { 'mice.states': [states] } }),
        })),
      },
    }),
  );
  return { answer, hits: findHits(answer, 'mice.states').hits };
}

const a = { id: 'a', text: 'ice' };
const b = { id: 'b', text: 'snow' };
const c = { id: 'c', text: 'fog' };
const order = [
  { place: 2, score: 3 },
  { place: 0, score: 2 },
  { place: 1, score: undefined },
];
const first = answerOf({ ...a, states: 'AAAA' }, b, c);
const kept = keptWindow(first.answer, first.hits, order, 'no-text')!;

describe('the order of a window', () => {
  it('holds for the same hits without their states, in whatever order and with whatever scores they come', () => {
    const later = answerOf({ ...c, score: 9 }, a, b);
    expect(orderIn(kept, later.answer, later.hits)).toEqual([
      { place: 0, score: 3 },
      { place: 1, score: 2 },
      { place: 2, score: undefined },
    ]);
    expect(kept).toMatchObject({ scored: 2, reason: 'no-text' });
  });

  it.each([
    ['another hit', [a, b, { id: 'd', text: 'fog' }]],
    ['one more', [a, b, c, { id: 'd', text: 'sun' }]],
    ['one less', [a, b]],
    ['other content', [a, b, { id: 'c', text: 'mist' }]],
  ])('holds no more with %s', (_, hits) => {
    const later = answerOf(...hits);
    expect(orderIn(kept, later.answer, later.hits)).toBeUndefined();
  });

  it('is not kept where hits cannot be told apart', () => {
    const twins = answerOf(a, a, c);
    expect(keptWindow(twins.answer, twins.hits, order, undefined)).toBeUndefined();
  });

  it('is kept within the memory there is, or not at all', () => {
    const cache = openWindowCache(1000, 60_000);
    cache.set('x', kept);
    expect(cache.get('x')).toBe(kept);
    for (const key of ['1', '2', '3', '4']) cache.set(key, kept);
    expect(cache.get('x')).toBeUndefined();
    const none = openWindowCache(0, 60_000);
    none.set('x', kept);
    expect(none.get('x')).toBeUndefined();
  });
});

describe('the key of a window', () => {
  const key = (...rawHeaders: string[]) => windowKey('basis', 'model', { rawHeaders } as IncomingMessage);

  // Two callers may see different documents, or different fields of them; neither may get the other's order.
  it('differs with whatever may say who asks', () => {
    const keys = [
      key(),
      key('Authorization', 'Basic a'),
      key('Authorization', 'Basic b'),
      key('Cookie', 'a=b'),
      key('es-security-runas-user', 'c'),
      key('X-Anything', 'd'),
      key('X-Any', 'thingd'),
      windowKey('basis', 'other', { rawHeaders: [] as string[] } as IncomingMessage),
      windowKey('other', 'model', { rawHeaders: [] as string[] } as IncomingMessage),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is the same for the same caller with another trace, connection or encoding', () => {
    expect(key('traceparent', 'x', 'User-Agent', 'y', 'Accept-Encoding', 'gzip', 'content-length', '3')).toBe(
      key(),
    );
    expect(key('AUTHORIZATION', 'Basic a')).toBe(key('authorization', 'Basic a'));
  });
});
