/** One request, byte for byte as written, to a cluster and through the proxy before it; and what may differ. */
import { gunzipSync } from 'node:zlib';
import { Pool } from 'undici';

export interface Ask {
  readonly method: string;
  /** Path and query string as they go over the wire. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

export interface Answer {
  readonly status: number;
  /** Lower-case names; those of the connection and of the proxy left out. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly verdict: string | undefined;
}

export interface Way {
  ask(ask: Ask): Promise<Answer>;
  close(): Promise<void>;
}

/** Of one connection, of the moment, or ours. The length is that of a text in which times are replaced. */
const ofTheWay = [
  ...['connection', 'keep-alive', 'transfer-encoding', 'date'],
  ...['x-mice', 'server-timing', 'x-opaque-id'],
];

let asked = 0;

export function openWay(url: string): Way {
  const pool = new Pool(url, { headersTimeout: 60_000 });
  return {
    async ask({ method, path, headers: given = {}, body }) {
      asked += 1;
      // OpenSearch warns a task once only.
      const headers = { ...given, 'x-opaque-id': `both-ways-${asked}` };
      const answer = await pool.request({ method: method as 'GET', path, headers, body: body ?? null });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const packed = answer.headers['content-encoding'] === 'gzip';
      const text = (packed && bytes.length > 0 ? gunzipSync(bytes) : bytes).toString('latin1');
      const left = method === 'HEAD' ? ofTheWay : [...ofTheWay, 'content-length'];
      const kept = Object.entries(answer.headers).filter(([name]) => !left.includes(name));
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(kept.map(([name, value]) => [name, withoutTheMoment(String(value))])),
        text: withoutTheMoment(text),
        verdict: answer.headers['x-mice'] as string | undefined,
      };
    },
    close: () => pool.close(),
  };
}

/** Times that a request took, names that the cluster makes up, and places in a document that has more fields now. */
function withoutTheMoment(text: string): string {
  return (
    text
      .replace(/("(?:ingest_)?took" ?: ?|\btook: )\d+/g, '$10')
      // In CBOR a text of four characters, then a number (RFC 8949 §3); the member that follows in a search's answer.
      .replace(/(?<=dtook).{1,3}?(?=itimed_out)/gs, '?')
      .replace(/\[1:\d+\]/g, '[1:0]')
      .replace(/("index_uuid" ?: ?")[^"]+/g, '$1?')
      .replace(/("_id" ?: ?"|\/_doc\/)[\w-]{20}(?="|$)/g, '$1?')
  );
}
