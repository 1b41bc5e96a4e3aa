import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { elementsOf, type Member, membersOf, type Span, stringAt } from '../../src/json/spans.ts';
import { type Answer, type Ask, openWay, type Way } from '../support/both-ways.ts';
import { describeOnEveryVersion, type EngineUnderTest } from '../support/engines.ts';
import { bulkLines, search } from '../support/passages.ts';
import { proxyBefore } from '../support/proxy.ts';

/** Generated requests of one run; seeds differ from run to run, and a failure names its own. */
const GENERATED = 250;

const json = { 'content-type': 'application/json' };
const lines = { 'content-type': 'application/x-ndjson' };

/** The order and the scores may differ, and so what is on a page; as many hits, and every other byte as it was. */
function expectSameButOrder(what: string, direct: string, proxied: string): void {
  const [there, here] = [partsOf(direct), partsOf(proxied)];
  expect(here.around, what).toBe(there.around);
  for (const [name, hit] of here.hits) if (there.hits.has(name)) expect(hit, what).toBe(there.hits.get(name));
}

/** The bytes around an answer's hits, a mark for each of them and for the greatest score; and those of each hit. */
function partsOf(text: string) {
  const bytes = Buffer.from(text);
  const membersAt = (at: number | undefined) => (at === undefined ? [] : membersOf(bytes, at));
  const named = (members: readonly Member[], key: string) =>
    members.find((member) => member.key === key)?.value;
  const outer = membersAt(named(membersOf(bytes, 0), 'hits')?.start);
  const list = named(outer, 'hits');
  const hits = list ? elementsOf(bytes, list.start) : [];
  const marked = ({ start, end }: Span, places: readonly (Span | undefined)[]) => {
    const inOrder = places.filter((place) => place !== undefined).sort((a, b) => a.start - b.start);
    const starts = [start, ...inOrder.map((place) => place.end)];
    const ends = [...inOrder.map((place) => place.start), end];
    return starts.map((from, at) => bytes.toString('utf8', from, ends[at])).join('?');
  };
  return {
    around: marked({ start: 0, end: bytes.length }, [named(outer, 'max_score'), ...hits]),
    hits: new Map(
      hits.map((hit) => {
        const members = membersAt(hit.start);
        const [index, id] = ['_index', '_id'].map((key) => {
          const value = named(members, key);
          return value && stringAt(bytes, value);
        });
        return [`${index}/${id}`, marked(hit, [named(members, '_score')])];
      }),
    ),
  };
}

function expectSame(ask: Ask, direct: Answer, proxied: Answer): void {
  const what = `${ask.method} ${ask.path} ${ask.body ?? ''}`;
  expect([proxied.status, proxied.headers], what).toEqual([direct.status, direct.headers]);
  if (proxied.verdict?.startsWith('reranked')) {
    expectSameButOrder(what, direct.text, proxied.text);
    return;
  }
  expect(proxied.text, what).toBe(direct.text);
}

describeOnEveryVersion('directly and through the proxy', (engine: EngineUnderTest) => {
  const proxy = proxyBefore(engine);
  const index = engine.freshIndex('reads');
  let direct: Way;
  let proxied: Way;

  beforeAll(async () => {
    direct = openWay(engine.url);
    proxied = openWay(proxy.url);
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    const written = { method: 'POST', path: '/_bulk?refresh=true', headers: lines, body: bulkLines(index) };
    expect(JSON.parse((await proxied.ask(written)).text)).toMatchObject({ errors: false });
  });
  afterAll(async () => {
    await direct?.close();
    await proxied?.close();
  });

  const same = async (ask: Ask) => expectSame(ask, await direct.ask(ask), await proxied.ask(ask));

  describe('reading', () => {
    const dated = '%3Clogs-%7Bnow%2Fd%7D%3E';

    it.each([
      ['HEAD', '/'],
      ['HEAD', `/${index}`],
      ['HEAD', '/absent'],
      ['HEAD', `/${index}/_doc/move`],
      ['HEAD', `/${index}/_doc/absent`],
      ['HEAD', `/${index}/_source/move`],
      ['HEAD', `/${index}/_search`],
      ['HEAD', '/_cluster/health'],
      ['HEAD', '/_mice_is_not_ours'],
      ['OPTIONS', '/'],
      ['OPTIONS', `/${index}/_search`],
      ['DELETE', `/${index}/_search`],
      ['PUT', `/${index}/_search`],
      ['GET', '/_bulk'],
      ['GET', '/_cat'],
      ['GET', '/_cat/aliases?v&format=json'],
      ['GET', `/_cat/indices/${index}?h=index,docs.count&format=yaml`],
      ['GET', `/_cat/count/${index}?h=count`],
      ['GET', '/_cat/nonsense'],
      ['GET', '/_nodes/_all/http?filter_path=nodes.*.http.publish_address'],
      ['GET', '/_cluster/settings?flat_settings=true'],
      ['GET', '/_cluster/nonsense'],
      ['GET', `/${index}/_mapping?pretty`],
      ['GET', `/${index}/_mapping?format=cbor`],
      ['GET', `/${index}/_mapping?format=smile`],
      ['GET', `/${index}/_settings?format=yaml&filter_path=*.settings.index.number_of_shards`],
      ['GET', `/${index}/_doc/move?_source_includes=title`],
      ['GET', `/${index}/_doc/absent`],
      ['GET', `/${index}/_source/move`],
      ['GET', `/${dated}/_search`],
      ['GET', `/${dated}/_search?ignore_unavailable=true`],
      ['GET', `/%3C${index.slice(0, 6)}%3E/_search`],
      ['GET', `/${encodeURIComponent(`${index},absent`)}/_search`],
      ['GET', '/absent*/_search'],
      ['GET', '/absent*/_search?allow_no_indices=false'],
      ['GET', '/-absent/_search'],
      ['GET', '/_absent/_search'],
      ['GET', '/UPPER/_search'],
      ['GET', '/%00/_search'],
      ['GET', '/%E9/_search'],
      ['GET', '/%zz/_search'],
      ['GET', `//${index}/_search`],
      ['GET', `/${index}//_search`],
      ['GET', `/${index}/_search/`],
      ['GET', `/${index}/_search//`],
      ['GET', `/./${index}/_search`],
      ['GET', `/${index}/_search?size=1&size=2`],
      ['GET', `/${index}/_search?size=nonsense&q=ice`],
      ['GET', `/${index}/_search?sizes=2&q=ice`],
      ['GET', `/${index}/_search?q=%28`],
      ['GET', `/${index}/_search?filter_path=%7B`],
      ['GET', `/${index}/_search?q=ice&format=nonsense`],
      ['GET', `/${index}/_search?q=ice&error_trace=nonsense`],
      ['GET', `/${index}/_search?q=${'long+'.repeat(900)}`],
      ['GET', `/${index}/_search?q=ice&${'x'.repeat(5000)}=1`],
      ['GET', `/${index}/_count?q=ice`],
      ['GET', '/_search/scroll'],
      ['GET', '/_search/scroll/nonsense'],
      ['DELETE', '/_search/scroll/nonsense'],
      ['GET', '/_async_search/nonsense'],
      ['POST', '/_msearch'],
      ['POST', '/_search/template'],
      ['GET', '/_render/template'],
    ])('%s %s', async (method, path) => {
      await same({ method, path });
    });

    it.each([
      ['nothing', ''],
      ['a space', ' '],
      ['an array', '[]'],
      ['a word', 'nonsense'],
      ['half an object', '{"query":'],
      ['two objects', '{}{}'],
      ['a name twice', '{"size":1,"size":2}'],
      ['a key that is unknown', '{"querry":{"match":{"text":"ice"}}}'],
      ['a query that is unknown', '{"query":{"nonsense":{}}}'],
      ['a question that is no text', '{"query":{"match":{"text":{"a":1}}}}'],
      ['a field without text', '{"query":{"match":{"mice.hash":"ice"}}}'],
      ['a window that is too long', '{"query":{"match":{"text":"ice"}},"size":20000}'],
      ['a page below the first', '{"query":{"match":{"text":"ice"}},"from":-2}'],
      ['an ext that is unknown', '{"query":{"match":{"text":"ice"}},"ext":{"nonsense":{}}}'],
      ['a number that is none', '{"query":{"match":{"text":"ice"}},"size":1.5}'],
      ['a comment', '{"query":{"match":{"text":"ice"}} /* no */}'],
      [
        'deep nesting',
        `{"query":${'{"bool":{"must":'.repeat(40)}{"match":{"text":"ice"}}${'}}'.repeat(40)}}`,
      ],
    ])('a search of %s', async (_, body) => {
      for (const method of ['GET', 'POST']) {
        await same({ method, path: `/${index}/_search`, headers: json, body });
      }
    });

    it.each([
      ['nothing', ''],
      ['a line break', '\n'],
      ['a line without a break', `{}\n${JSON.stringify(search)}`],
      ['half a pair', '{}\n'],
      ['a header that is none', `[]\n${JSON.stringify(search)}\n`],
      ['a header with a key that is unknown', `{"nonsense":1}\n${JSON.stringify(search)}\n`],
      ['a body that is none', '{}\nnonsense\n'],
      ['empty lines between', `{}\n\n${JSON.stringify(search)}\n`],
      ['an absent index', '{"index":"absent"}\n{}\n'],
    ])('several searches of %s', async (_, body) => {
      await same({ method: 'POST', path: `/${index}/_msearch`, headers: lines, body });
    });

    it.each([
      ['application/x-www-form-urlencoded', '{}'],
      ['text/plain', '{}'],
      ['application/yaml', 'query:\n  match:\n    text: ice\n'],
      ['application/cbor', '\xbf\xff'],
      ['nonsense', '{}'],
      ['application/json; charset=UTF-8', JSON.stringify(search)],
      ['application/vnd.elasticsearch+json; compatible-with=8', JSON.stringify(search)],
      ['application/vnd.elasticsearch+json; compatible-with=7', JSON.stringify(search)],
    ])('a search as %s', async (type, body) => {
      const headers = { 'content-type': type, accept: type };
      // An answer in CBOR holds times that are not found as text.
      const path = `/${index}/_search${type.endsWith('cbor') ? '?filter_path=-took' : ''}`;
      await same({ method: 'POST', path, headers, body: Buffer.from(body, 'latin1') });
      await same({ method: 'POST', path, headers: { 'content-type': type }, body });
    });

    it('a search that is packed', async () => {
      const headers = { ...json, 'content-encoding': 'gzip', 'accept-encoding': 'gzip' };
      const path = `/${index}/_search`;
      await same({ method: 'POST', path, headers, body: gzipSync('{"query":{"match_all":{}}}') });
    });

    it(`${GENERATED} requests put together from parts`, async () => {
      const inWords = [
        JSON.stringify(search),
        ...[
          '"size":2',
          '"fields":["title","mice.hash"],"docvalue_fields":["mice.model"]',
          '"stored_fields":["title"],"_source":["title"]',
          '"aggs":{"h":{"terms":{"field":"mice.hash"}}},"highlight":{"fields":{"text":{}}}',
        ].map((more) => `{"query":{"match":{"text":"how do glaciers move"}},${more}}`),
      ];
      const otherBodies = [
        undefined,
        '',
        '{}',
        '{"size":0}',
        '{"query":{"match_all":{}},"size":2}',
        '{"query":{"match":{"text":"ice","nonsense":1}}}',
        '{"query":{"match":{"text":"ice"}},"sort":[{"mice.hash":"asc"}]}',
        '{"query":{"term":{"nonsense":1}},"aggs":{"n":{"value_count":{"field":"_index"}}}}',
      ];
      const ofAnswers = [
        ...['pretty', 'human', 'typed_keys=true', 'rest_total_hits_as_int=true', 'track_total_hits=false'],
        ...[
          'filter_path=hits.hits._id',
          'filter_path=-took',
          'filter_path=-hits.hits._source,-hits.max_score',
        ],
        ...['stored_fields=title', '_source=title', '_source_excludes=text', 'docvalue_fields=mice.hash'],
        ...['size=1', 'from=1', 'version=true', 'explain=true', 'timeout=10s', 'q=glaciers'],
        ...['preference=_local', 'search_type=dfs_query_then_fetch', 'request_cache=true'],
      ];
      const otherParameters = [
        ...['format=yaml', 'format=cbor&filter_path=-took', 'nonsense=1', 'stored_fields=_none_'],
        ...['ignore_unavailable=true', 'expand_wildcards=none', '&', '%20'],
      ];
      const some = (from: readonly string[]) => fc.array(fc.constantFrom(...from), { maxLength: 3 });
      const questions = fc.record({
        method: fc.constantFrom('GET', 'POST'),
        target: fc.constant(index),
        endpoint: fc.constant('_search'),
        parameters: some(ofAnswers),
        body: fc.constantFrom(...inWords),
        type: fc.constant('application/json'),
      });
      const anything = fc.record({
        method: fc.constantFrom('GET', 'POST'),
        target: fc.constantFrom(
          index,
          `${index},absent`,
          `${index.slice(0, -1)}*`,
          'absent',
          `${index},-absent*`,
        ),
        endpoint: fc.constantFrom(
          '_search',
          '_search',
          '_count',
          '_search/',
          '_validate/query',
          '_field_caps',
        ),
        parameters: some([...ofAnswers, ...otherParameters]),
        body: fc.constantFrom(...inWords, ...otherBodies),
        type: fc.constantFrom('application/json', 'application/json', undefined, 'text/plain'),
      });
      const property = fc.asyncProperty(
        fc.oneof(questions, anything),
        async ({ method, target, endpoint, parameters, body, type }) => {
          const path = `/${target}/${endpoint}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
          await same({ method, path, body, headers: type === undefined ? {} : { 'content-type': type } });
        },
      );
      await fc.assert(property, { numRuns: GENERATED, endOnFailure: true });
    }, 600_000);
  });

  describe('writing', () => {
    /** Names of one length, so that answers differ in nothing else. */
    const twins = { direct: engine.freshIndex('twin-a'), proxied: engine.freshIndex('twin-b') };
    const mapping = { properties: { day: { type: 'date' } } };

    beforeAll(async () => {
      const { dims } = proxy.server.services.model.bundle;
      for (const twin of [twins.direct, twins.proxied]) {
        await setupIndex(proxy.engine, twin, { object: 'mice', vectorDims: dims.vector });
        await proxy.engine.extendMapping(twin, mapping);
      }
    });

    const written = async (ask: Ask) => {
      const named = (twin: string): Ask => ({
        ...ask,
        path: ask.path.replaceAll('TWIN', twin),
        body: Buffer.isBuffer(ask.body) ? ask.body : ask.body?.replaceAll('TWIN', twin),
      });
      const unnamed = (answer: Answer, twin: string): Answer =>
        JSON.parse(JSON.stringify(answer).replaceAll(twin, 'TWIN'));
      const one = unnamed(await direct.ask(named(twins.direct)), twins.direct);
      const other = unnamed(await proxied.ask(named(twins.proxied)), twins.proxied);
      expectSame(ask, one, other);
      return one;
    };

    it('documents one by one, in the order in which they meet each other', async () => {
      const steps: readonly (readonly [string, string, (string | undefined)?, number?])[] = [
        // Documents of a prepared index hold the model's name and the hash of their text: these are left out here.
        ['PUT', '/TWIN/_doc/1', '{"text":"ice"}', 201],
        ['PUT', '/TWIN/_doc/1', '{"text":"ice"}', 200],
        ['PUT', '/TWIN/_doc/1?op_type=create', '{"text":"ice"}', 409],
        ['PUT', '/TWIN/_create/1', '{"text":"ice"}', 409],
        ['POST', '/TWIN/_create/2?pretty', '{"text":"snow"}', 201],
        ['POST', '/TWIN/_doc', '{"text":"without a name"}', 201],
        ['POST', '/TWIN/_doc/', '{"text":"without a name"}'],
        ['PUT', '/TWIN/_doc', '{"text":"ice"}', 405],
        ['PUT', '/TWIN/_doc/1?if_seq_no=99&if_primary_term=1', '{"text":"ice"}', 409],
        ['PUT', '/TWIN/_doc/1?version=1&version_type=external', '{"text":"ice"}', 409],
        ['PUT', '/TWIN/_doc/1?refresh=nonsense', '{"text":"ice"}', 400],
        ['PUT', '/TWIN/_doc/1?nonsense=1', '{"text":"ice"}', 400],
        ['PUT', '/TWIN/_doc/1?pipeline=absent', '{"text":"ice"}'],
        ['PUT', '/TWIN/_doc/1?filter_path=result&format=yaml', '{"text":"ice"}', 200],
        ['PUT', '/TWIN/_doc/a%2Fb%20%C3%A9', '{"text":"ice"}', 201],
        ['PUT', '/TWIN/_doc/3', '{"text":"ice","day":"no day"}', 400],
        ['PUT', '/TWIN/_doc/3', '{"text":', 400],
        ['PUT', '/TWIN/_doc/3', '[]', 400],
        ['PUT', '/TWIN/_doc/3', '', 400],
        ['PUT', '/TWIN/_doc/3', undefined, 400],
        ['PUT', '/UPPER/_doc/3', '{"text":"ice"}', 400],
        ['PUT', '/absent/_doc/3?require_alias=true', '{"text":"ice"}', 404],
        ['POST', '/TWIN/_update/1', '{"doc":{"text":"more ice"}}', 200],
        ['POST', '/TWIN/_update/1', '{"doc":{"text":"more ice"}}', 200],
        ['POST', '/TWIN/_update/1?_source_excludes=mice', '{"doc":{"title":"named"}}', 200],
        ['POST', '/TWIN/_update/1', '{"doc":{"day":"no day"}}', 400],
        ['POST', '/TWIN/_update/1', '{"nonsense":1}', 400],
        ['POST', '/TWIN/_update/1', '{"doc":', 400],
        ['POST', '/TWIN/_update/1', '', 400],
        ['POST', '/TWIN/_update/absent', '{"doc":{"text":"ice"}}', 404],
        ['POST', '/TWIN/_update/4', '{"doc":{"text":"ice"},"doc_as_upsert":true}', 201],
        ['POST', '/absent/_update/1', '{"doc":{"text":"ice"}}', 404],
        ['GET', '/TWIN/_doc/1?_source_excludes=mice', undefined, 200],
        ['GET', '/TWIN/_source/1?_source_excludes=mice', undefined, 200],
        ['HEAD', '/TWIN/_doc/1?_source=false', undefined, 200],
        ['POST', '/TWIN/_mget?_source_excludes=mice', '{"ids":["1","absent"]}', 200],
        ['DELETE', '/TWIN/_doc/absent', undefined, 404],
        ['DELETE', '/TWIN/_doc/2', undefined, 200],
        ['POST', '/TWIN/_refresh', undefined, 200],
        ['POST', '/_reindex', '{"source":{"index":"absent"},"dest":{"index":"TWIN"}}'],
        ['POST', '/_reindex', '{"source":'],
        ['POST', '/TWIN/_update_by_query?q=absent', ''],
      ];
      for (const [method, path, body, status] of steps) {
        const headers = body === undefined ? {} : json;
        const answer = await written({ method, path, body, headers });
        if (status !== undefined) expect(answer.status, `${method} ${path} ${body}`).toBe(status);
      }
    });

    it('documents in bulk, whatever becomes of each', async () => {
      const action = (name: string, id: string, more = '') =>
        `{"${name}":{"_index":"TWIN","_id":"${id}"${more}}}\n`;
      const source = '{"text":"ice"}\n';
      const bodies = [
        action('index', 'b1') + source,
        action('create', 'b1') + source + action('create', 'b2') + source,
        action('update', 'absent') + '{"doc":{"text":"ice"}}\n' + action('delete', 'absent'),
        action('index', 'b3') + '{"day":"no day","text":"ice"}\n' + action('delete', 'b1'),
        action('index', 'b4', ',"if_seq_no":99,"if_primary_term":1') + source,
        action('index', 'b5', ',"pipeline":"absent"') + source,
        action('index', 'b6', ',"nonsense":1') + source,
        action('nonsense', 'b7') + source,
        action('index', 'b8'),
        action('index', 'b9') + '{"text":\n',
        action('index', 'c1') + '\n',
        `{"index":{"_index":"UPPER"}}\n${source}`,
        `{"index":{"_index":""}}\n${source}`,
        `{"index":[]}\n${source}`,
        `{"index":{}}\n${source}`,
        `[]\n${source}`,
        `${action('index', 'c2')}${source}\n\n${action('index', 'c3')}${source}`,
        (action('index', 'c4') + source).trimEnd(),
        (action('index', 'c5') + source).replaceAll('\n', '\r\n'),
        action('update', 'c4') + '{"doc":{"text":"ice"},"detect_noop":false}\n',
        action('update', 'c4', ',"_source":["title","text"]') + '{"doc":{"text":"more"}}\n',
        action('update', 'c4', ',"_source":"text"') + '{"doc":{"text":"much more"}}\n',
        'nonsense\n',
        '\n',
        '',
      ];
      const queries = [
        '',
        '?pretty',
        '?filter_path=items.*.error',
        '?refresh=true',
        '?require_alias=true',
        '?x=1',
      ];
      for (const [at, body] of bodies.entries()) {
        const path = `/_bulk${queries[at % queries.length]}`;
        await written({ method: 'POST', path: '/_bulk', headers: lines, body });
        await written({ method: at % 2 ? 'PUT' : 'POST', path, headers: lines, body });
        await written({ method: 'POST', path: '/TWIN/_bulk', headers: json, body });
      }
      for (const path of ['/_bulk/', '//_bulk', '/TWIN/_bulk?format=yaml', '/TWIN/_bulk?refresh=nonsense'])
        await written({ method: 'POST', path, headers: lines, body: bodies[0] });
      for (const type of [
        'text/plain',
        'application/cbor',
        'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
      ])
        await written({ method: 'POST', path: '/_bulk', headers: { 'content-type': type }, body: bodies[1] });
      await written({ method: 'POST', path: '/_bulk', body: bodies[1] });
    });
  });
});
