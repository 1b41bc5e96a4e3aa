/**
 * Just enough of OpenSearch in memory to show what writes become: documents with sequence numbers, partial updates
 * merged into what `_source` keeps, vectors and states in doc values only, points in time, slices.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { openPlacing, type Placing } from '../../src/ingest/stores/placing.ts';

type Json = Record<string, unknown>;

export interface StoredDocument {
  readonly id: string;
  source: Json;
  /** Base64, as it was sent. */
  states: string | undefined;
  vector: readonly number[] | undefined;
  seqNo: number;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

export interface FakeEngine {
  readonly url: string;
  readonly requests: FakeRequest[];
  readonly indices: Map<string, Map<string, StoredDocument>>;
  /** Called before each request; what it returns is answered in place of the engine. */
  intercept: (request: FakeRequest) => { status: number; body: unknown } | undefined | Promise<undefined>;
  document(index: string, id: string): StoredDocument | undefined;
  /** As it was at the start. */
  reset(): void;
  /** Writes past everything. */
  put(index: string, id: string, source: Json): void;
  close(): Promise<void>;
}

/** A fake engine and what a service makes of it at its start. */
export interface ConnectedFake {
  readonly fake: FakeEngine;
  readonly engine: Engine;
  readonly placing: Placing;
  close(): Promise<void>;
}

export async function connectFakeEngine(prepared: readonly string[]): Promise<ConnectedFake> {
  const fake = await startFakeEngine(prepared);
  const engine = await connectEngine({ url: fake.url });
  const placing = openPlacing({ engine, object: 'mice', rules: [], onFault: () => {} });
  return {
    fake,
    engine,
    placing,
    async close() {
      placing.close();
      await engine.close();
      await fake.close();
    },
  };
}

export async function startFakeEngine(prepared: readonly string[]): Promise<FakeEngine> {
  const indices = new Map(prepared.map((name) => [name, new Map<string, StoredDocument>()]));
  const views = new Map<string, { index: string; documents: StoredDocument[] }>();
  let seqNo = 0;
  let ids = 0;

  function store(index: string, id: string, source: Json): { result: string; seqNo: number } {
    const documents = indices.get(index) ?? new Map<string, StoredDocument>();
    indices.set(index, documents);
    const had = documents.has(id);
    const { mice, ...rest } = source as { mice?: Json | null };
    const { states, vector, ...kept } = mice ?? {};
    documents.set(id, {
      id,
      source: mice === undefined ? rest : { ...rest, mice: mice && kept },
      states: states as string | undefined,
      vector: vector as readonly number[] | undefined,
      seqNo: seqNo++,
    });
    return { result: had ? 'updated' : 'created', seqNo: seqNo - 1 };
  }

  function write(action: string, index: string, meta: Json, source: Json): { status: number; body: Json } {
    const id = meta['_id'] === undefined ? `auto-${ids++}` : String(meta['_id']);
    const current = indices.get(index)?.get(id);
    const fault = (status: number, type: string) => ({
      status,
      body: { _index: index, _id: id, status, error: { type, reason: type } },
    });
    if (meta['if_seq_no'] !== undefined && current?.seqNo !== meta['if_seq_no'])
      return fault(409, 'version_conflict_engine_exception');
    const done = (status: number, result: string) => ({
      status,
      body: { _index: index, _id: id, status, result },
    });
    if (action === 'delete') {
      indices.get(index)?.delete(id);
      return current ? done(200, 'deleted') : done(404, 'not_found');
    }
    if (action === 'create' && current) return fault(409, 'version_conflict_engine_exception');
    if (action !== 'update') {
      const { result } = store(index, id, source);
      return done(result === 'created' ? 201 : 200, result);
    }
    const update = source as { doc?: Json; upsert?: Json; script?: unknown; doc_as_upsert?: boolean };
    if (!current) {
      const made = update.doc_as_upsert ? update.doc : update.upsert;
      if (!made) return fault(404, 'document_missing_exception');
      store(index, id, made);
      return done(201, 'created');
    }
    if (update.script) {
      store(index, id, { ...current.source, scripted: true });
      return done(200, 'updated');
    }
    const after = merge(current.source, update.doc ?? {});
    const detects = (source as { detect_noop?: boolean }).detect_noop !== false;
    if (detects && JSON.stringify(after) === JSON.stringify(current.source)) return done(200, 'noop');
    store(index, id, after);
    return done(200, 'updated');
  }

  function bulk(pathIndex: string | undefined, text: string): Json {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const items: Json[] = [];
    for (let at = 0; at < lines.length; at++) {
      const [[action, meta]] = Object.entries(JSON.parse(lines[at]!)) as [[string, Json]];
      const source = action === 'delete' ? {} : (JSON.parse(lines[++at]!) as Json);
      const { status, body } = write(action, String(meta['_index'] ?? pathIndex), meta, source);
      items.push({ [action]: { ...body, status } });
    }
    const errors = items.some((item) => 'error' in (Object.values(item)[0] as Json));
    return { took: 1, errors, items };
  }

  function matches(query: Json | undefined, document: StoredDocument, names: string[]): boolean {
    if (!query) return true;
    const [[kind, clause]] = Object.entries(query) as [[string, Json]];
    const mice = document.source['mice'] as Json | undefined;
    const value = (field: string) =>
      field === 'mice.states'
        ? document.states
        : field.startsWith('mice.')
          ? mice?.[field.slice(5)]
          : document.source[field];
    if (kind === 'match_all') return true;
    if (kind === 'ids') return (clause['values'] as string[]).includes(document.id);
    if (kind === 'exists') {
      const found = value(String(clause['field'])) !== undefined;
      if (found && clause['_name']) names.push(String(clause['_name']));
      return found;
    }
    if (kind === 'term' || kind === 'terms') {
      const [[field, wanted]] = Object.entries(clause) as [[string, unknown]];
      return [wanted].flat().includes(value(field));
    }
    const all = (member: string) => [clause[member] ?? []].flat() as Json[];
    const should = all('should').filter((each) => matches(each, document, names)).length;
    const least = Number(
      clause['minimum_should_match'] ?? (all('filter').length + all('must').length > 0 ? 0 : 1),
    );
    return (
      [...all('filter'), ...all('must')].every((each) => matches(each, document, names)) &&
      !all('must_not').some((each) => matches(each, document, names)) &&
      (all('should').length === 0 || should >= least)
    );
  }

  function search(index: string | undefined, body: Json): Json {
    const pit = body['pit'] as { id: string } | undefined;
    const view = pit && views.get(pit.id);
    const name = view?.index ?? index!;
    let found = (view?.documents ?? [...(indices.get(name)?.values() ?? [])]).map((document) => ({
      document,
      names: [] as string[],
    }));
    const slice = body['slice'] as { id: number; max: number } | undefined;
    if (slice) found = found.filter(({ document }) => spread(document.id) % slice.max === slice.id);
    found = found.filter((hit) => matches(body['query'] as Json | undefined, hit.document, hit.names));
    const collapse = body['collapse'] as { field: string } | undefined;
    if (collapse) {
      const seen = new Set<unknown>();
      found = found.filter(({ document }) => {
        const hash = (document.source['mice'] as Json | undefined)?.['hash'];
        return !seen.has(hash) && seen.add(hash);
      });
    }
    const total = found.length;
    const after = body['search_after'] as [number] | undefined;
    found.sort((a, b) => a.document.seqNo - b.document.seqNo);
    if (after) found = found.filter(({ document }) => document.seqNo > after[0]);
    const hits = found.slice(0, Number(body['size'] ?? 10)).map(({ document, names }) => ({
      _index: name,
      _id: document.id,
      _score: null,
      _seq_no: document.seqNo,
      _primary_term: 1,
      ...(body['_source'] !== false && { _source: document.source }),
      ...(body['docvalue_fields'] !== undefined &&
        document.states !== undefined && { fields: { 'mice.states': [document.states] } }),
      ...(names.length > 0 && { matched_queries: names }),
      sort: [document.seqNo],
    }));
    return {
      took: 1,
      timed_out: false,
      _shards: { failed: 0 },
      hits: { total: { value: total, relation: 'eq' }, hits },
    };
  }

  function answer({ method, path, body }: FakeRequest): { status: number; body: unknown } {
    const [target = '', query = ''] = path.split('?');
    const parts = target.split('/').slice(1).map(decodeURIComponent);
    const json = () => JSON.parse(body || '{}') as Json;
    const parameters = new URLSearchParams(query);
    if (target === '/')
      return { status: 200, body: { version: { number: '3.6.0', distribution: 'opensearch' } } };
    if (target === '/_bulk') return { status: 200, body: bulk(undefined, body) };
    if (parts[1] === '_bulk') return { status: 200, body: bulk(parts[0], body) };
    if (target === '/_mget') {
      const docs = (json()['docs'] as { _index: string; _id: string }[]).map(({ _index, _id }) => {
        const found = indices.get(_index)?.get(_id);
        return found
          ? { _index, _id, found: true, _seq_no: found.seqNo, _primary_term: 1, _source: found.source }
          : { _index, _id, found: false };
      });
      return { status: 200, body: { docs } };
    }
    if (parts[0] === '_search' && parts[1] === 'point_in_time') {
      for (const id of [json()['pit_id']].flat()) views.delete(String(id));
      return { status: 200, body: {} };
    }
    if (parts[1] === '_search' && parts[2] === 'point_in_time') {
      const id = `view-${ids++}`;
      const documents = [...(indices.get(parts[0]!)?.values() ?? [])].map((document) => ({ ...document }));
      views.set(id, { index: parts[0]!, documents });
      return { status: 200, body: { pit_id: id } };
    }
    if (parts.at(-1) === '_search')
      return { status: 200, body: search(parts.length > 1 ? parts[0] : undefined, json()) };
    if (parts.at(-1) === '_count') return { status: 200, body: { count: indices.get(parts[0]!)?.size ?? 0 } };
    if (parts.at(-1) === '_refresh') return { status: 200, body: {} };
    if (parts[1] === '_update') {
      const { status, body: result } = write('update', parts[0]!, { _id: parts[2] }, json());
      return { status, body: result };
    }
    if (parts[1] === '_doc' && method === 'GET') {
      const found = indices.get(parts[0]!)?.get(parts[2]!);
      if (!found) return { status: 404, body: { found: false } };
      return {
        status: 200,
        body: { found: true, _id: found.id, _seq_no: found.seqNo, _primary_term: 1, _source: found.source },
      };
    }
    if (parts[1] === '_doc' || parts[1] === '_create') {
      const meta: Json = {};
      if (parts[2] !== undefined) meta['_id'] = parts[2];
      for (const name of ['if_seq_no', 'if_primary_term'])
        if (parameters.has(name)) meta[name] = Number(parameters.get(name));
      const creates = parts[1] === '_create' || parameters.get('op_type') === 'create';
      const action = method === 'DELETE' ? 'delete' : creates ? 'create' : 'index';
      const { status, body: result } = write(action, parts[0]!, meta, method === 'DELETE' ? {} : json());
      return { status, body: { ...result, _seq_no: seqNo - 1, _primary_term: 1 } };
    }
    const index = parts[0]!;
    if (parts.length > 1) return { status: 404, body: { error: { type: 'unknown', reason: target } } };
    if (method === 'PUT') {
      if (indices.has(index))
        return { status: 400, body: { error: { type: 'resource_already_exists_exception', reason: index } } };
      indices.set(index, new Map());
      return { status: 200, body: { acknowledged: true } };
    }
    if (!indices.has(index))
      return { status: 404, body: { error: { type: 'index_not_found_exception', reason: index } } };
    if (method === 'DELETE') {
      indices.delete(index);
      return { status: 200, body: {} };
    }
    return { status: 200, body: { [index]: described(prepared.includes(index)) } };
  }

  const engine: FakeEngine = {
    url: '',
    requests: [],
    indices,
    intercept: () => undefined,
    document: (index, id) => indices.get(index)?.get(id),
    put: (index, id, source) => void store(index, id, source),
    reset() {
      indices.clear();
      for (const name of prepared) indices.set(name, new Map());
      engine.requests.length = 0;
      engine.intercept = () => undefined;
    },
    close: () => close(server),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const whole = Buffer.concat(chunks);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole).toString();
    const asked = { method: request.method!, path: request.url!, body, headers: request.headers };
    engine.requests.push(asked);
    const given = (await engine.intercept(asked)) ?? answer(asked);
    response.writeHead(given.status, { 'content-type': 'application/json' }).end(JSON.stringify(given.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(engine, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function described(prepared: boolean): unknown {
  const mice = { properties: { states: { type: 'binary' }, hash: { type: 'keyword' } } };
  return {
    settings: { index: { knn: 'true', uuid: 'u', number_of_shards: '1' } },
    mappings: { properties: prepared ? { mice } : {} },
  };
}

function merge(current: Json, change: Json): Json {
  const result: Json = { ...current };
  for (const [key, value] of Object.entries(change)) {
    const had = current[key];
    const both = isObject(had) && isObject(value);
    result[key] = both ? merge(had, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function spread(id: string): number {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
