/** Which engine answers at an address, from its own words. */
import { Agent, request } from 'undici';
import { MiceError, messageOf } from '../errors.ts';
import { jsonOrUndefined } from '../json/parse.ts';
import type { EngineAddress, EngineName } from './port.ts';
import { secureOptions } from './transport.ts';

export interface DetectedEngine {
  readonly name: EngineName;
  readonly version: string;
}

/**
 * Asks `GET /`, and `GET /_nodes` where a trimmed-down build has no root route.
 * @throws MiceError `upstream-unreachable` or `upstream-unknown`
 */
export async function detectEngine(address: EngineAddress): Promise<DetectedEngine> {
  const urls = [address.url, ...(address.others ?? [])];
  for (const url of urls.slice(0, -1)) {
    try {
      return await detectAt({ ...address, url });
    } catch (fault) {
      if (!(fault instanceof MiceError) || fault.code !== 'upstream-unreachable') throw fault;
    }
  }
  return await detectAt({ ...address, url: urls.at(-1)! });
}

async function detectAt(address: EngineAddress): Promise<DetectedEngine> {
  const root = await ask(address, '/');
  const version = root.body?.version;
  if (version?.distribution === 'opensearch') return { name: 'opensearch', version: version.number };
  if (root.headers['x-elastic-product'] === 'Elasticsearch') {
    return { name: 'elasticsearch', version: version?.number ?? (await versionOfNodes(address)) };
  }
  throw new MiceError(
    'upstream-unknown',
    `${address.url} answered ${root.status} and is no engine known here.`,
    {
      hint:
        root.status === 401 || root.status === 403
          ? 'It asks for credentials: set upstream.authorization to the value of an Authorization header.'
          : 'Accepted are Elasticsearch 8 or 9 and OpenSearch 2 or 3; give the base URL without a path.',
    },
  );
}

async function versionOfNodes(address: EngineAddress): Promise<string> {
  const { body } = await ask(address, '/_nodes/_local?filter_path=nodes.*.version');
  const [node] = Object.values(body?.nodes ?? {}) as { version?: string }[];
  return node?.version ?? 'unknown';
}

// biome-ignore lint/suspicious/noExplicitAny: an unknown server's JSON, read member by member.
type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly body: any };

async function ask(address: EngineAddress, path: string): Promise<Answer> {
  const dispatcher = new Agent({ connect: address.tls ? secureOptions(address.tls) : {} });
  try {
    const answer = await request(new URL(path, address.url), {
      dispatcher,
      headers: { accept: 'application/json', ...address.headers },
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, body: jsonOrUndefined(text) };
  } catch (cause) {
    throw new MiceError('upstream-unreachable', `Nothing answers at ${address.url}: ${messageOf(cause)}`, {
      hint: 'Start the cluster, or set upstream.url to its address.',
      cause,
    });
  } finally {
    await dispatcher.close();
  }
}
