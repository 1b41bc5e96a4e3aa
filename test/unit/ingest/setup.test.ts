import { describe, expect, it } from 'vitest';
import { differenceLines } from '../../../src/cli/difference.ts';
import { dialects } from '../../../src/engine/connect.ts';
import type { Engine, IndexBody, IndexTemplate } from '../../../src/engine/port.ts';
import { setupIndex } from '../../../src/ingest/setup.ts';

const fields = { object: 'mice', vectorDims: 4 };

/** An engine that has `indices` behind the name `name`, and `templates`; it remembers what it was told to do. */
function scripted(
  dialect: 'elasticsearch' | 'opensearch',
  indices: Readonly<Record<string, IndexBody>>,
  templates: Record<string, IndexTemplate> = {},
  companions: Readonly<Record<string, IndexBody>> = {},
) {
  const done: string[] = [];
  const note = (what: string) => async (name: string) => void done.push(`${what} ${name}`);
  const engine = {
    ...dialects[dialect],
    describeIndex: async (name: string) =>
      name.startsWith('mice-states-') ? companions[name] : Object.values(indices)[0],
    describeIndices: async () => indices,
    indexTemplates: async () => templates,
    createIndex: note('create'),
    deleteIndex: note('delete'),
    extendMapping: note('extend'),
    putPipeline: async () => {},
    async putIndexTemplate(name: string, template: IndexTemplate) {
      done.push(`template ${name}`);
      templates[name] = template;
    },
  } as unknown as Engine;
  return { engine, done, templates };
}

const plain: IndexBody = { settings: { index: {} }, mappings: { properties: { text: { type: 'text' } } } };

describe('setting up', () => {
  it('completes every index behind an alias', async () => {
    const { engine, done } = scripted('elasticsearch', { a: plain, b: plain });
    const { warnings } = await setupIndex(engine, 'alias', fields);
    expect(done).toEqual(['extend a', 'extend b']);
    expect(warnings).toHaveLength(2);
  });

  it('refuses an index that cannot be completed, and that no template makes anew', async () => {
    const { engine, done } = scripted('opensearch', { a: plain });
    await expect(setupIndex(engine, 'a', fields)).rejects.toMatchObject({ code: 'index-mapping' });
    expect(done).toEqual([]);
  });

  it('a data stream completes its indices as far as that can be, and the template of the next', async () => {
    const template: IndexTemplate = {
      index_patterns: ['logs*'],
      data_stream: {},
      template: { settings: { number_of_shards: '2' }, mappings: { properties: { text: { type: 'text' } } } },
    };
    const stream = scripted('opensearch', { '.ds-logs-000001': plain }, { logs: template });
    const { warnings, changes } = await setupIndex(stream.engine, 'logs', fields);
    expect(stream.done).toEqual(['template logs']);
    expect(warnings[0]).toMatch(/index\.knn.* the next index of the stream will have the fields/);
    expect(changes[0]!.before).toEqual(template);
    expect(stream.templates['logs']).toMatchObject({
      data_stream: {},
      template: {
        settings: { number_of_shards: '2', index: { knn: 'true' } },
        mappings: {
          _source: { excludes: ['mice.vector', 'mice.states', 'mice.passages.vector'] },
          properties: { text: { type: 'text' }, mice: { properties: { states: { type: 'binary' } } } },
        },
      },
    });
    const again = await setupIndex(stream.engine, 'logs', fields);
    expect(again.changes.filter(({ what }) => what === 'put template')).toEqual([]);
  });

  it('a pattern makes a template, or completes the one that has it', async () => {
    const none = scripted('elasticsearch', {});
    await setupIndex(none.engine, 'news-*', fields);
    expect(none.done).toEqual(['template mice-news-any']);
    expect(none.templates['mice-news-any']).toMatchObject({ index_patterns: ['news-*'] });
    await setupIndex(none.engine, 'news-*', fields);
    expect(none.done).toHaveLength(1);
  });

  it('refuses a template whose vectors have another length', async () => {
    const properties = { mice: { properties: { vector: { type: 'dense_vector', dims: 8 } } } };
    const { engine, done } = scripted(
      'elasticsearch',
      {},
      {
        t: { index_patterns: ['x*'], template: { mappings: { properties } } },
      },
    );
    await expect(setupIndex(engine, 'x*', fields)).rejects.toMatchObject({
      code: 'index-mapping',
      message: 'the template t maps mice.vector with another dims.',
    });
    expect(done).toEqual([]);
  });

  /** A live index whose vectors are mapped as setup maps them but for `members`. */
  function mapped(dialect: 'elasticsearch' | 'opensearch', members: object): IndexBody {
    const { settings, mappings } = dialects[dialect].indexBody(fields);
    const { properties, ...rest } = mappings as { properties: { mice: { properties: { vector: object } } } };
    const { vector } = properties.mice.properties;
    const mice = { properties: { ...properties.mice.properties, vector: { ...vector, ...members } } };
    return {
      settings: { ...settings, index: { knn: 'true' } },
      mappings: { ...rest, properties: { mice } },
    };
  }

  it.each([
    ['elasticsearch', { similarity: 'l2_norm' }, 'similarity', 'cosine'],
    ['elasticsearch', { element_type: 'byte' }, 'element_type', 'float'],
    ['elasticsearch', { index: false }, 'index', 'true'],
    ['opensearch', { method: { engine: 'lucene', space_type: 'l2' } }, 'method.space_type', 'cosinesimil'],
    ['opensearch', { data_type: 'byte' }, 'data_type', 'float'],
  ] as const)('refuses an index of %s whose vectors have %j', async (dialect, members, member, needed) => {
    const { engine, done } = scripted(dialect, { a: mapped(dialect, members) });
    await expect(setupIndex(engine, 'a', fields)).rejects.toMatchObject({
      code: 'index-mapping',
      message: `a maps mice.vector with another ${member}.`,
      hint: expect.stringContaining(`needs ${needed},`),
    });
    expect(done).toEqual([]);
  });

  it.each([
    ['elasticsearch', { index_options: { type: 'bbq_hnsw' } }, 'index_options.type bbq_hnsw'],
    ['opensearch', { method: { engine: 'faiss', space_type: 'cosinesimil' } }, 'method.engine faiss'],
    ['opensearch', { mode: 'on_disk' }, 'mode on_disk'],
  ] as const)('leaves an index of %s with %j as it is, and says so', async (dialect, members, how) => {
    const { engine, done } = scripted(dialect, { a: mapped(dialect, members) });
    const { warnings } = await setupIndex(engine, 'a', fields);
    expect(warnings).toEqual([expect.stringContaining(`a maps mice.vector with ${how}, where a new index`)]);
    expect(done).toEqual([]);
  });

  it('refuses vectors of passages that have another length, too', async () => {
    const passages = { type: 'nested', properties: { vector: { type: 'dense_vector', dims: 8 } } };
    const mappings = { properties: { mice: { properties: { passages } } } };
    const { engine } = scripted('elasticsearch', { a: { settings: { index: {} }, mappings } });
    await expect(setupIndex(engine, 'a', fields)).rejects.toMatchObject({
      message: 'a maps mice.passages.vector with another dims.',
    });
  });

  it('says which of our fields answers would carry', async () => {
    const { settings, mappings } = mapped('elasticsearch', {});
    const live = { settings, mappings: { ...mappings, _source: { excludes: ['mice.states'] } } };
    const { warnings } = await setupIndex(scripted('elasticsearch', { a: live }).engine, 'a', fields);
    expect(warnings).toEqual([expect.stringMatching(/^_source of a keeps mice\.vector: /)]);
  });

  it('changes nothing on a dry run', async () => {
    const { engine, done } = scripted('elasticsearch', { a: plain }, { t: { index_patterns: ['a*'] } });
    const { changes } = await setupIndex(engine, 'a', { ...fields, dryRun: true });
    expect(changes.map(({ what }) => what)).toEqual(['extend mapping', 'put template']);
    expect(done).toEqual([]);
  });
});

describe('the difference of two values', () => {
  it('shows what goes and what comes, and is blind to the order of members', () => {
    expect(differenceLines({ b: 1, a: [1] }, { a: [1], b: 2, c: 3 })).toEqual([
      '  {',
      '    "a": [',
      '      1',
      '    ]',
      '-   "b": 1',
      '+   "b": 2',
      '+   "c": 3',
      '  }',
    ]);
    expect(differenceLines(undefined, 1)).toEqual(['+ 1']);
  });
});

describe('setting up a companion', () => {
  const live: IndexBody = { settings: { index: { uuid: 'u1', number_of_shards: '3' } }, mappings: {} };
  const companionOf = (index: string, uuid: string): IndexBody => ({
    settings: {},
    mappings: { _meta: { mice: { index, uuid } } },
  });
  const beside = { ...fields, store: 'companion' } as const;

  it('makes an index beside with as many shards, and leaves the index itself alone', async () => {
    const { engine, done } = scripted('opensearch', { a: live });
    const report = await setupIndex(engine, 'a', beside);
    expect(done).toEqual(['create mice-states-a']);
    expect(report.changes[0]!.body).toMatchObject({
      settings: { index: { number_of_shards: '3', hidden: true } },
      mappings: { dynamic: false, _meta: { mice: { index: 'a', uuid: 'u1' } } },
    });
  });

  it('leaves one that is there, and replaces one of an index that is no more', async () => {
    const there = scripted('opensearch', { a: live }, {}, { 'mice-states-a': companionOf('a', 'u1') });
    expect((await setupIndex(there.engine, 'a', fields)).store).toBe('companion');
    expect(there.done).toEqual([]);
    const outlived = scripted('opensearch', { a: live }, {}, { 'mice-states-a': companionOf('a', 'u0') });
    await setupIndex(outlived.engine, 'a', beside);
    expect(outlived.done).toEqual(['delete mice-states-a', 'create mice-states-a']);
  });

  it('refuses an index of that name which is something else', async () => {
    const { engine } = scripted('opensearch', { a: live }, {}, { 'mice-states-a': plain });
    await expect(setupIndex(engine, 'a', beside)).rejects.toMatchObject({ code: 'index-mapping' });
  });

  it('goes when another store is chosen, and the choice is explained', async () => {
    const { engine, done } = scripted(
      'opensearch',
      { a: live },
      {},
      { 'mice-states-a': companionOf('a', 'u1') },
    );
    const report = await setupIndex(engine, 'a', { ...fields, store: 'cache' });
    expect(done).toEqual(['delete mice-states-a']);
    expect(report.about.join(' ')).toMatch(/nothing is written to the cluster/);
  });

  it('says which rule gives later indices of an alias their companions', async () => {
    const { engine, done } = scripted('elasticsearch', { a: live, b: live });
    const { warnings } = await setupIndex(engine, 'alias', beside);
    expect(done).toEqual(['create mice-states-a', 'create mice-states-b']);
    expect(warnings).toEqual([
      expect.stringContaining('states.rules: [{"indices":["alias"],"store":"companion"}]'),
    ]);
  });
});
