/** What the official JavaScript clients do with a cluster, in this process. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as elastic9 from '@elastic/elasticsearch';
import * as openSearch from '@opensearch-project/opensearch';
import type { Order, Refusal, Seen } from './conversation.ts';

/** The clients' own types differ by package and version; the answers are read member by member. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
type Any = any;

export type JavaScriptClient = '@elastic/elasticsearch' | '@opensearch-project/opensearch';

/** @param directory Where another version than the repository's own is installed. */
export function clientPackage(name: JavaScriptClient, directory?: string): Any {
  if (directory !== undefined) return createRequire(join(directory, 'package.json'))(name);
  return name === '@elastic/elasticsearch' ? elastic9 : openSearch;
}

interface Opened {
  readonly client: Any;
  /** A method's answer with its headers; `body` in the place where this client wants it. */
  ask(method: string, body: object, rest?: object, options?: object): Promise<{ body: Any; headers: Any }>;
  openView(index: string): Promise<string>;
  closeView(id: string): Promise<boolean>;
}

function open(name: JavaScriptClient, { Client }: Any, url: string, compression: boolean): Opened {
  const usual = { node: url, maxRetries: 0, requestTimeout: 60_000 };
  if (name === '@opensearch-project/opensearch') {
    const client: Any = new Client({ ...usual, ...(compression && { compression: 'gzip' }) });
    return {
      client,
      ask: (method, body, rest, options) => client[method]({ ...rest, body }, options),
      openView: async (index) => (await client.createPit({ index, keep_alive: '1m' })).body.pit_id,
      closeView: async (id) => (await client.deletePit({ body: { pit_id: [id] } })).body.pits[0].successful,
    };
  }
  const client: Any = new Client({ ...usual, compression });
  return {
    client,
    ask: (method, body, rest, options) =>
      client[method](
        { ...rest, ...(Array.isArray(body) ? { searches: body } : body) },
        { ...options, meta: true },
      ),
    openView: async (index) => (await client.openPointInTime({ index, keep_alive: '1m' })).id,
    closeView: async (id) => (await client.closePointInTime({ id })).succeeded,
  };
}

const ids = (body: Any): string[] => body.hits.hits.map((hit: Any) => hit._id);

async function refused(work: () => Promise<unknown>): Promise<Refusal> {
  try {
    await work();
    return { kind: null, status: null, says: '' };
  } catch (error) {
    const { name, statusCode = null, message } = error as Error & { statusCode?: number };
    return { kind: name, status: statusCode, says: message };
  }
}

export async function converseInJavaScript(
  name: JavaScriptClient,
  library: Any,
  order: Order,
): Promise<Seen> {
  const { url, index, documents, search } = order;
  const { client, ask, openView, closeView } = open(name, library, url, false);
  const bodyOf = (answer: Any) => (name === '@opensearch-project/opensearch' ? answer.body : answer);
  const datasource = Object.entries(documents).map(([id, document]) => ({ id, document }));
  const failed: number[] = [];
  const bulk = (action: 'index' | 'create') =>
    client.helpers.bulk({
      datasource: action === 'index' ? datasource : datasource.slice(0, 1),
      onDocument: (one: Any) => [{ [action]: { _index: index, _id: one.id } }, one.document],
      onDrop: (dropped: Any) => failed.push(dropped.status),
      refreshOnCompletion: true,
    });
  const written = await bulk('index');
  await bulk('create');

  const asked = await ask('search', search, { index });
  const page = async (from: number) =>
    ids((await ask('search', { ...search, from, size: 2 }, { index })).body);
  const scrolled: string[] = [];
  const scrolling =
    name === '@opensearch-project/opensearch'
      ? { index, size: 2, body: search }
      : { index, size: 2, ...search };
  for await (const batch of client.helpers.scrollSearch(scrolling)) scrolled.push(...ids(batch.body));

  const view = await openView(index);
  const viewed: string[] = [];
  for (let after = {}; ; ) {
    const body = {
      ...search,
      ...after,
      pit: { id: view, keep_alive: '1m' },
      sort: ['_score', '_doc'],
      size: 2,
    };
    const { hits } = (await ask('search', body)).body.hits;
    if (hits.length === 0) break;
    viewed.push(...hits.map((hit: Any) => hit._id));
    after = { search_after: hits.at(-1).sort };
  }
  const several = await ask('msearch', [{ index }, search, { index: `${index}-absent` }, search]);
  const packing = open(name, library, url, true);
  const packed = await packing.ask('search', search, { index });
  const seen: Seen = {
    client: name,
    bulk: { written: written.successful, failed, raised: null },
    count: bodyOf(await client.count({ index })).count,
    exists: [
      bodyOf(await client.indices.exists({ index })),
      bodyOf(await client.indices.exists({ index: `${index}-absent` })),
    ],
    source: bodyOf(await client.get({ index, id: 'move' }))._source,
    search: {
      ids: ids(asked.body),
      total: asked.body.hits.total.value,
      verdict: asked.headers['x-mice'] ?? null,
    },
    pages: [await page(0), await page(2)],
    scrolled,
    view: viewed,
    viewClosed: await closeView(view),
    several: {
      ids: ids(several.body.responses[0]),
      failed: several.body.responses[1].status,
      verdict: several.headers['x-mice'] ?? null,
    },
    missing: await refused(() => ask('search', search, { index: `${index}-absent` })),
    conflict: await refused(() => ask('create', conflicting(name), { index, id: 'move' })),
    malformed: await refused(() => ask('search', { query: { nonsense: {} } }, { index })),
    late: await refused(() =>
      client.cluster.health({ wait_for_nodes: '99', timeout: '20s' }, { requestTimeout: 300 }),
    ),
    packed: { ids: ids(packed.body), verdict: packed.headers['x-mice'] ?? null },
  };
  await Promise.all([client.close(), packing.client.close()]);
  return seen;
}

function conflicting(name: JavaScriptClient): object {
  return name === '@opensearch-project/opensearch' ? { text: 'again' } : { document: { text: 'again' } };
}
