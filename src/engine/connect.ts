/** An {@link Engine} over an official client: detection, dialect and one administration for both. */
import { MiceError, messageOf } from '../errors.ts';
import { detectEngine } from './detect.ts';
import type { Dialect } from './dialect.ts';
import { elasticsearch } from './elasticsearch/index.ts';
import { opensearch } from './opensearch/index.ts';
import type {
  Engine,
  EngineAddress,
  EngineName,
  IndexBody,
  IndexTemplate,
  IndexView,
  SearchAnswer,
} from './port.ts';
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
    vectorClause: dialect.vectorClause,
    vectorSearch: dialect.vectorSearch,
    vectorMembers: dialect.vectorMembers,
    pipelines: dialect.pipelines,
    ...administration(transport, dialect),
    through: (url) => openEngine(dialect, version, { url, headers: address.headers ?? {} }),
    close: () => transport.close(),
  };
}

type Administration = Pick<
  Engine,
  | 'indexExists'
  | 'describeIndex'
  | 'describeIndices'
  | 'describeNewIndex'
  | 'indexTemplates'
  | 'putIndexTemplate'
  | 'createIndex'
  | 'extendMapping'
  | 'deleteIndex'
  | 'refresh'
  | 'count'
  | 'storeBytes'
  | 'putPipeline'
  | 'search'
  | 'openView'
  | 'ask'
>;

function administration(transport: ClientTransport, dialect: Dialect): Administration {
  const ask = async (request: ClientRequest) => accepted(request, await transport.request(request));
  const path = (index: string, rest = '') => `/${encodeURIComponent(index)}${rest}`;
  return {
    indexExists: async (index) =>
      (await transport.request({ method: 'HEAD', path: path(index) })).status === 200,
    describeIndex: (index) => describe(transport, path(index)),
    describeIndices: async (index) => {
      const answer = await ask({ method: 'GET', path: path(index) });
      const found = Object.entries(answer.body as Record<string, { mappings: object; settings: object }>);
      return Object.fromEntries(
        found.map(([name, { settings, mappings }]) => [
          name,
          { settings: { ...settings }, mappings: { ...mappings } },
        ]),
      );
    },
    describeNewIndex: async (index) => {
      const request = {
        method: 'POST',
        path: `/_index_template/_simulate_index/${encodeURIComponent(index)}`,
      } as const;
      const { status, body } = await transport.request(request);
      const { settings, mappings } = (status === 200 ? body?.template : undefined) ?? {};
      return mappings && { settings: { ...settings }, mappings };
    },
    indexTemplates: (pattern) => templatesOf(transport, pattern),
    putIndexTemplate: async (name, template) =>
      void (await ask({
        method: 'PUT',
        path: `/_index_template/${encodeURIComponent(name)}`,
        body: template,
      })),
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
    openView: (index) => openView(index, transport, dialect),
    ask: (request) => reached(transport, request),
  };
}

/** What a template may be put with; an answer holds more, such as the date when it was made. */
const TEMPLATE_MEMBERS = [
  ...['index_patterns', 'template', 'composed_of', 'priority', 'version', '_meta', 'data_stream'],
  ...['allow_auto_create', 'ignore_missing_component_templates', 'deprecated'],
];

async function templatesOf(
  transport: ClientTransport,
  pattern: string,
): Promise<Readonly<Record<string, IndexTemplate>>> {
  const stream = pattern.includes('*')
    ? undefined
    : await transport.request({ method: 'GET', path: `/_data_stream/${encodeURIComponent(pattern)}` });
  const ofStream = stream?.status === 200 ? stream.body?.data_streams?.[0]?.template : undefined;
  const { status, body } = await transport.request({ method: 'GET', path: '/_index_template' });
  const all = (status === 200 ? (body?.index_templates ?? []) : []) as readonly {
    readonly name: string;
    readonly index_template: IndexTemplate;
  }[];
  const wanted = all.filter(
    ({ name, index_template }) =>
      name === ofStream || [index_template.index_patterns].flat().includes(pattern),
  );
  return Object.fromEntries(
    wanted.map(({ name, index_template }) => [
      name,
      Object.fromEntries(
        Object.entries(index_template).filter(([member]) => TEMPLATE_MEMBERS.includes(member)),
      ) as IndexTemplate,
    ]),
  );
}

const VIEW_KEPT = '5m';

async function openView(index: string, transport: ClientTransport, dialect: Dialect): Promise<IndexView> {
  const { open, idOf, close } = dialect.pointInTime;
  const request = open(index, VIEW_KEPT);
  let id = idOf(accepted(request, await reached(transport, request)).body);
  return {
    async search(body) {
      const answer = await reached(transport, {
        method: 'POST',
        path: '/_search',
        query: { allow_partial_search_results: false },
        body: { ...body, pit: { id, keep_alive: VIEW_KEPT } },
      });
      // Each answer may give the view another id.
      id = answer.body?.pit_id ?? id;
      return answer;
    },
    close: async () => void (await reached(transport, close(id)).catch(() => undefined)),
  };
}

async function reached(transport: ClientTransport, request: ClientRequest): Promise<ClientAnswer> {
  try {
    return await transport.request(request);
  } catch (cause) {
    const { method, path } = request;
    throw new MiceError('upstream-unreachable', `${method} ${path} was not answered: ${messageOf(cause)}`, {
      cause,
    });
  }
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
  // Of several, as a data stream has, the last one is written to.
  const index = (
    Object.values(accepted(request, answer).body) as { mappings: object; settings: object }[]
  ).at(-1);
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
