import { beforeAll, describe, expect, it } from 'vitest';
import type { EngineName } from '../../src/engine/port.ts';
import { converse, type Order, type Seen } from '../clients/conversation.ts';
import { type Installed, javaPackages, javaScriptPackages, pythonPackages } from '../clients/installed.ts';
import { clientPackage, converseInJavaScript, type JavaScriptClient } from '../clients/javascript.ts';
import { type EngineUnderTest, sharedEngine } from '../support/engines.ts';
import { passages, search } from '../support/passages.ts';
import { proxyBefore } from '../support/proxy.ts';

interface ClientUnderTest {
  readonly name: string;
  readonly converse: (order: Order) => Promise<Seen>;
  /** Its own names for what fails; null where its bulk helper reports without an exception. */
  readonly faults: {
    readonly bulk: string | null;
    readonly missing: string;
    readonly conflict: string;
    readonly malformed: string;
    readonly late: string;
  };
}

function javaScript(name: JavaScriptClient, major?: 8): ClientUnderTest {
  const faults = {
    bulk: null,
    missing: 'ResponseError',
    conflict: 'ResponseError',
    malformed: 'ResponseError',
    late: 'TimeoutError',
  };
  return {
    name: `${name}${major ? ` ${major}` : ''} of JavaScript`,
    async converse(order) {
      const directory = major && directoryOf(await javaScriptPackages());
      return converseInJavaScript(name, clientPackage(name, directory), order);
    },
    faults,
  };
}

/** Installs what a client needs and tells where; a test that needs what is missing is skipped with the reason. */
function directoryOf(installed: Installed): string {
  if ('directory' in installed) return installed.directory;
  throw new Missing(installed.missing);
}

class Missing extends Error {}

const pythonProgram = new URL('../clients/python/conversation.py', import.meta.url).pathname;

function python(client: 'elasticsearch' | 'opensearch', lock: string): ClientUnderTest {
  return {
    name: `${lock} of Python`,
    async converse(order) {
      const PYTHONPATH = directoryOf(await pythonPackages(lock));
      return converse('python3', [pythonProgram, client], order, { PYTHONPATH });
    },
    faults: {
      bulk: 'BulkIndexError',
      missing: 'NotFoundError',
      conflict: 'ConflictError',
      malformed: client === 'elasticsearch' ? 'BadRequestError' : 'RequestError',
      late: 'ConnectionTimeout',
    },
  };
}

function java(program: 'Elasticsearch' | 'OpenSearch', lock: string): ClientUnderTest {
  const source = new URL(`../clients/java/${program}.java`, import.meta.url).pathname;
  return {
    name: `${lock} of Java`,
    async converse(order) {
      const jars = directoryOf(await javaPackages(lock));
      // Compiled as it is run.
      return converse('java', ['-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`, source], order);
    },
    faults: {
      bulk: null,
      missing: `${program}Exception`,
      conflict: 'ResponseException',
      malformed: `${program}Exception`,
      late: 'SocketTimeoutException',
    },
  };
}

/** Every engine with the clients of its own major version. */
const clientsOf: readonly (readonly [EngineName, string, readonly ClientUnderTest[]])[] = [
  [
    'opensearch',
    '3.6.0',
    [
      javaScript('@opensearch-project/opensearch'),
      python('opensearch', 'opensearch'),
      java('OpenSearch', 'opensearch'),
    ],
  ],
  [
    'elasticsearch',
    '9.5.3',
    [
      javaScript('@elastic/elasticsearch'),
      python('elasticsearch', 'elasticsearch-9'),
      java('Elasticsearch', 'elasticsearch-9'),
    ],
  ],
  [
    'elasticsearch',
    '8.19.21',
    [
      javaScript('@elastic/elasticsearch', 8),
      python('elasticsearch', 'elasticsearch-8'),
      java('Elasticsearch', 'elasticsearch-8'),
    ],
  ],
];

const documents = Object.fromEntries(passages.map(({ id, ...document }) => [id, document]));
const found = ['move', 'word', 'melt', 'cats'];

describe.each(clientsOf)('through the proxy, before %s %s,', (engineName, version, clients) => {
  const engine: EngineUnderTest = sharedEngine(engineName, version);
  const proxy = proxyBefore(engine);

  describe.each(clients)('the client $name', ({ converse, faults }) => {
    let seen: Seen;
    let missing: string | undefined;

    beforeAll(async () => {
      const order = { url: proxy.url, index: engine.freshIndex('clients'), documents, search };
      try {
        seen = await converse(order);
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        missing = error.message;
        process.stdout.write(`skipped: ${missing}\n`);
      }
    }, 300_000);

    const sees = (title: string, expectation: () => void) =>
      it(title, ({ skip }) => {
        if (missing !== undefined) skip(missing);
        expectation();
      });

    sees('takes the answers for those of its own kind of cluster, and reads documents back', () => {
      expect(seen.count).toBe(passages.length);
      expect(seen.source).toEqual(documents['move']);
      expect(seen.exists).toEqual([true, false]);
    });

    sees('writes by its bulk helper, and is told of each item that fails', () => {
      expect(seen.bulk).toMatchObject({ written: passages.length, raised: faults.bulk });
      expect(seen.bulk.failed).toEqual([409]);
    });

    sees('gets the passage that answers first, and reads the verdict', () => {
      expect(seen.search.ids[0]).toBe('move');
      expect(seen.search.ids.toSorted()).toEqual(found.toSorted());
      expect(seen.search.total).toBe(found.length);
      expect(seen.search.verdict).toMatch(/^reranked; window=\d+; scored=\d+/);
    });

    sees('turns pages of one order', () => {
      expect(seen.pages.flat()).toEqual(seen.search.ids);
    });

    sees('scrolls by its helper, and reads a point in time to its end', () => {
      expect(seen.scrolled.toSorted()).toEqual(found.toSorted());
      expect(seen.view.toSorted()).toEqual(found.toSorted());
      expect(seen.viewClosed).toBe(true);
    });

    sees('gets several searches answered one by one', () => {
      expect(seen.several).toMatchObject({ ids: seen.search.ids, failed: 404 });
      expect(seen.several.verdict).toMatch(/^reranked;.*, skipped; reason=upstream-status$/);
    });

    sees('raises its own exceptions for what the cluster refuses', () => {
      expect(seen.missing).toMatchObject({ kind: faults.missing, status: 404 });
      expect(seen.missing.says).toContain('index_not_found_exception');
      expect(seen.conflict).toMatchObject({ kind: faults.conflict, status: 409 });
      expect(seen.conflict.says).toContain('version_conflict_engine_exception');
      expect(seen.malformed).toMatchObject({ kind: faults.malformed, status: 400 });
      expect(seen.malformed.says).toMatch(/parsing_exception|search_phase_execution_exception/);
    });

    sees('gives up when its own time is over, and goes on', () => {
      expect(seen.late.kind).toBe(faults.late);
      expect(seen.packed.ids).toEqual(seen.search.ids);
    });

    sees('compresses what it sends and takes', () => {
      expect(seen.packed.verdict).toMatch(/^reranked;/);
    });
  });
});
