import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/port.ts';
import { fieldStore } from '../../../src/ingest/stores/field.ts';
import type { StandingHit } from '../../../src/ingest/stores/store.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { RULES, type Splitting, unsplit } from '../../../src/states/splitting.ts';

const splitting: Splitting = { tokens: 256, overlap: 0, most: 4, rule: 1 };
const engine = {} as Engine;
const needs = { engine, object: 'mice', model: 'm', splitting, selection: plainSelection(['text']) };

async function standingOf(text: string, mice: object, changes: object = {}, queries = ['mice-states']) {
  const hit = {
    ...{ _index: 'i', _id: '1', _seq_no: 0, _primary_term: 1, matched_queries: queries },
    _source: { text, mice: { hash: contentHash(text), model: 'm', ...mice } },
  } satisfies StandingHit;
  return (await fieldStore({ ...needs, ...changes }).read([hit]))[0]!.standing;
}

describe('the states of a stored document', () => {
  it('are fresh when its text was read whole, and still would be', async () => {
    const whole = { tokens: 200, truncated: false, splitting: [] };
    expect(await standingOf('a text', whole)).toBe('fresh');
    expect(await standingOf('a text', whole, { splitting: unsplit(256) })).toBe('fresh');
    expect(await standingOf('a text', whole, { splitting: { ...splitting, tokens: 128 } })).toBe('stale');
  });

  it('are stale when its text would be split otherwise now', async () => {
    const split = { tokens: 700, truncated: false, splitting: [256, 0, 4, 1] };
    expect(await standingOf('a text', split)).toBe('fresh');
    expect(await standingOf('a text', split, { splitting: { ...splitting, overlap: 16 } })).toBe('stale');
    const cut = { tokens: 256, truncated: true, splitting: [256, 0, 1, 1] };
    expect(await standingOf('a text', cut, { splitting: unsplit(256) })).toBe('fresh');
    expect(await standingOf('a text', cut)).toBe('stale');
  });

  it('are stale when other tokens of it would be kept now', async () => {
    const merged = { ...splitting, rule: RULES.merged };
    const whole = { tokens: 60, truncated: false, splitting: [256, 0, 4, RULES.merged] };
    expect(await standingOf('a text', whole, { splitting: merged })).toBe('fresh');
    expect(await standingOf('a text', whole)).toBe('stale');
    expect(await standingOf('a text', { ...whole, splitting: [] }, { splitting: merged })).toBe('stale');
    expect(await standingOf('a text', {}, { splitting: merged })).toBe('stale');
  });

  it('that do not say how it was read are fresh only when it is too short to have been cut', async () => {
    expect(await standingOf('a text', {})).toBe('fresh');
    expect(await standingOf('a text '.repeat(100), {})).toBe('stale');
  });

  it('are missing when vectors of its passages are wanted and it has none', async () => {
    const whole = { tokens: 200, truncated: false, splitting: [] };
    const wanted = { passageVectors: true };
    expect(await standingOf('a text', whole, wanted)).toBe('missing');
    expect(await standingOf('a text', whole, wanted, ['mice-states', 'mice-passages'])).toBe('fresh');
    expect(JSON.stringify(fieldStore({ ...needs, passageVectors: true }).search())).toContain(
      'mice.passages',
    );
    expect(JSON.stringify(fieldStore(needs).search())).not.toContain('mice.passages');
  });
});
