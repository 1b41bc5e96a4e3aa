/** An {@link Engine} over an official client: detection, dialect and one administration for both. */
import { MiceError } from '../errors.ts';
import { detectEngine } from './detect.ts';
import type { Dialect } from './dialect.ts';
import { elasticsearch } from './elasticsearch/index.ts';
import { opensearch } from './opensearch/index.ts';
import type { Engine, EngineAddress, EngineName, IndexBody, SearchAnswer } from './port.ts';
import type { ClientAnswer, ClientRequest, ClientTransport } from './transport.ts';

export const dialects: Readonly<Record<EngineName, Dialect>> = { elasticsearch, opensearch };

/**
 * Detects the engine at `address` and opens its official client.
 * @throws MiceError `upstream-unreachable`, `upstream-unknown`
 */
export async function connectEngine(address: EngineAddress): Promise<Engine> {
  const { name, version } = await detectEngine(address);
  const dialect = dialects[name];
  const major = Number.parseInt(version, 10);
  if (Number.isInteger(major) && !dialect.majors.includes(major)) {
    throw new MiceError('upstream-unknown', `${address.url} is ${name} ${version}, which is not supported.`, {
      hint: `Supported major versions of ${name}: ${dialect.majors.join(', ')}.`,
    });
  }
  return openEngine(dialect, version, address);
}

function openEngine(dialect: Dialect, version: string, address: EngineAddress): Engine {
  const transport = dialect.openTransport(address);
  return {
    name: dialect.name,
    version,
    address,
    capabilities: dialect.capabilities,
    indexBody: dialect.indexBody,
    vectorSearch: dialect.vectorSearch,
    pipelines: dialect.pipelines,
    ...administration(transport),
    through: (url) => openEngine(dialect, version, { url, headers: address.headers ?? {} }),
    close: () => transport.close(),
  };
}

type Administration = Pick<
  Engine,
  | 'indexExists'
  | 'describeIndex'
  | 'createIndex'
  | 'extendMapping'
  | 'deleteIndex'
  | 'refresh'
  | 'count'
  | 'storeBytes'
  | 'putPipeline'
  | 'search'
>;

function administration(transport: ClientTransport): Administration {
  const ask = async (request: ClientRequest) => accepted(request, await transport.request(request));
  const path = (index: string, rest = '') => `/${encodeURIComponent(index)}${rest}`;
  return {
    indexExists: async (index) =>
      (await transport.request({ method: 'HEAD', path: path(index) })).status === 200,
    describeIndex: (index) => describe(transport, path(index)),
    createIndex: async (index, body) =>
      void (await ask({ method: 'PUT', path: path(index), body: { ...body } })),
    extendMapping: async (index, mappings) =>
      void (await ask({ method: 'PUT', path: path(index, '/_mapping'), body: mappings })),
    deleteIndex: async (index) => void (await ask({ method: 'DELETE', path: path(index) })),
    refresh: async (index) => void (await ask({ method: 'POST', path: path(index, '/_refresh') })),
    count: async (index) => (await ask({ method: 'GET', path: path(index, '/_count') })).body.count,
    storeBytes: async (index) =>
      (await ask({ method: 'GET', path: path(index, '/_stats/store') })).body._all.primaries.store
        .size_in_bytes,
    putPipeline: async (name, body) =>
      void (await ask({ method: 'PUT', path: `/_search/pipeline/${encodeURIComponent(name)}`, body })),
    search: async (index, body) =>
      searchAnswer(await ask({ method: 'POST', path: path(index, '/_search'), body })),
  };
}

function accepted({ method, path }: ClientRequest, answer: ClientAnswer): ClientAnswer {
  if (answer.status < 300) return answer;
  const reason = answer.body?.error?.reason ?? answer.body?.error ?? `status ${answer.status}`;
  const code =
    answer.body?.error?.type === 'index_not_found_exception' ? 'index-missing' : 'upstream-refused';
  throw new MiceError(code, `The cluster refused ${method} ${path}: ${reason}`);
}

async function describe(transport: ClientTransport, path: string): Promise<IndexBody | undefined> {
  const request = { method: 'GET', path } as const;
  const answer = await transport.request(request);
  if (answer.status === 404) return undefined;
  const [index] = Object.values(accepted(request, answer).body) as { mappings: object; settings: object }[];
  return { settings: { ...index?.settings }, mappings: { ...index?.mappings } };
}

function searchAnswer({ headers, body }: ClientAnswer): SearchAnswer {
  return {
    tookMs: body.took,
    hits: body.hits.hits.map((hit: { _id: string; _score: number | null }) => ({
      id: hit._id,
      score: hit._score,
    })),
    headers,
  };
}
