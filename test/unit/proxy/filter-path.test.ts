import { describe, expect, it } from 'vitest';
import { readFilterPath } from '../../../src/proxy/filter-path.ts';

const read = (filter: string) => readFilterPath(filter, 'mice.states');
const all = ['_index', '_id', '_routing'];

describe('a filter of the answer', () => {
  it.each([
    ['hits', [], true],
    ['hits.hits', [], true],
    ['**', [], true],
    ['*', [], true],
    ['h*.h*', [], true],
    ['hits.hits._*', [], true],
    ['took,hits.hits._source', all, true],
    ['hits.hits._source.title', all, false],
    ['hits.hits._id', ['_index', '_routing'], false],
    ['**._id', ['_index', '_routing'], false],
    ['hits.**._index,hits.hits.fields', ['_id', '_routing'], false],
    ['hits.hits.*', [], true],
    ['-took', [], true],
    ['-hits.hits._source', [], false],
    ['-hits.hits._source.secret', [], false],
    ['-**.secret', [], false],
    ['hits,-hits.total', [], true],
  ])('%s hides %j of a hit; source whole: %s', (filter, hidden, sourceIsWhole) => {
    expect(read(filter)).toMatchObject({ kind: 'hits', hidden, sourceIsWhole });
  });

  it.each([
    'took',
    'took,aggregations',
    'hits.total',
    'hits.max_score',
    '-hits',
    '-hits.hits',
    '-hits.hits._index',
    '-**._id',
    '-hits.hits.fields',
    'hits,-hits.hits.fields.mice*',
  ])('%s leaves nothing to re-rank by', (filter) => {
    expect(read(filter)).toEqual({ kind: 'none' });
  });

  it('of several answers has their status on top, so that none goes uncounted', () => {
    const several = (filter: string) => readFilterPath(filter, 'mice.states', 'several');
    expect(several('responses.hits.hits._id')).toEqual({
      kind: 'hits',
      widened:
        'responses.hits.hits._id,responses.hits.hits._index,responses.hits.hits._id,responses.hits.hits._routing,responses.hits.hits.fields.mice\\.states,responses.status',
      hidden: ['_index', '_routing'],
      sourceIsWhole: false,
      hidesBeside: true,
    });
    expect(several('responses')).toMatchObject({ hidden: [], hidesBeside: false });
    expect(several('hits.hits')).toEqual({ kind: 'none' });
    expect(several('responses,-responses.status')).toEqual({ kind: 'none' });
  });

  it('of an asynchronous answer has its id on top, by which one can tell that it is kept', () => {
    const async = (filter: string) => readFilterPath(filter, 'mice.states', 'async');
    expect(async('response.hits.hits')).toMatchObject({
      widened: expect.stringMatching(
        /^response\.hits\.hits,.*,response\.hits\.hits\.fields\.mice\\\.states,id$/,
      ),
      hidden: [],
    });
    for (const filter of ['hits.hits', 'id,is_running', '-id', '-response.hits.hits._id'])
      expect(async(filter), filter).toEqual({ kind: 'none' });
  });

  it('is sent as it came where it only leaves out', () => {
    expect(read('-took')).toMatchObject({ widened: '-took' });
  });
});
