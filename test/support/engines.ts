/** Real engines for suites: each is started once for the whole project, by the desk of `engine-desk.ts`. */
import { request } from 'node:http';
import { beforeAll, describe, inject, type TestContext } from 'vitest';
import { distributions } from '../../src/engine/embedded/artifacts.ts';
import type { EngineName } from '../../src/engine/port.ts';
import './engine-desk.ts';
import { raw } from './proxy.ts';

export interface EngineUnderTest {
  readonly name: EngineName;
  readonly version: string;
  /** Base URL; known inside hooks and tests, not while tests are being declared. */
  readonly url: string;
  /** An index name that no other suite uses: the engines are shared. */
  freshIndex(purpose: string): string;
}

const defaultVersions = { opensearch: '3.6.0', elasticsearch: '9.5.3' } as const;

/** The engine, started if no suite has asked for it yet. Call it where suites are declared. */
export function sharedEngine(name: EngineName, version: string = defaultVersions[name]): EngineUnderTest {
  let url: string | undefined;
  beforeAll(async () => {
    url = await askDesk(`/${name}/${version}`);
  }, startTimeoutMs);
  return {
    name,
    version,
    get url() {
      if (url === undefined) throw new Error('An engine has a URL only inside hooks and tests.');
      return url;
    },
    freshIndex: (purpose) => `${purpose}-${process.pid}-${Date.now().toString(36)}-${issued++}`,
  };
}

/** The same suite on OpenSearch and on Elasticsearch. */
export function describeOnEngines(title: string, suite: (engine: EngineUnderTest) => void): void {
  for (const name of ['opensearch', 'elasticsearch'] as const) {
    describe(`${title} (${name} ${defaultVersions[name]})`, () => suite(sharedEngine(name)));
  }
}

/** Every server that is pinned: for what is promised on all supported versions. */
export function describeOnEveryVersion(title: string, suite: (engine: EngineUnderTest) => void): void {
  for (const { engine, version } of distributions) {
    describe(`${title} (${engine} ${version})`, () => suite(sharedEngine(engine, version)));
  }
}

/** Skips a test, and says why, where this build of the engine lacks the API at `path`. */
export async function needsApi(
  context: TestContext,
  engine: EngineUnderTest,
  path: string,
  method: 'GET' | 'POST' = 'POST',
): Promise<void> {
  const { status, text } = await raw(engine.url, path, { method, ...(method === 'POST' && { body: '{}' }) });
  if (!text.includes('no handler found') && status !== 405) return;
  const reason = `${engine.name} ${engine.version}, as it is embedded, has no ${path.split('/').find((part) => /^_(?!all$)/.test(part))}`;
  process.stderr.write(`${context.task.name}: skipped, ${reason}\n`);
  context.skip(reason);
}

/** A first start fetches a few hundred megabytes. */
const startTimeoutMs = 900_000;
let issued = 0;

/** Not `fetch`, which gives up on an answer after five minutes. */
function askDesk(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(`${inject('engineDesk')}${path}`, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('end', () => {
        if (response.statusCode === 200) resolve((JSON.parse(body) as { url: string }).url);
        else reject(new Error(body));
      });
    });
    asked.once('error', reject).end();
  });
}
