/** The part that both official clients share: one request, with retries and connection keeping left to them. */
import { buffer } from 'node:stream/consumers';
import type { EngineAddress, TlsIdentity } from './port.ts';

export interface ClientRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** NDJSON in place of `body`, its last line break included. */
  readonly lines?: string;
  /** The answer's body is to be a Buffer of its bytes, whatever the status: for what is read without being parsed. */
  readonly asBytes?: true;
}

export interface ClientAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: what an engine answers is untyped JSON, read member by member.
  readonly body: any;
}

export interface ClientTransport {
  /** Any status is an answer; only a failed connection throws. */
  request(request: ClientRequest): Promise<ClientAnswer>;
  close(): Promise<void>;
}

/** The body of an answer as the clients give it, or, asked for as a stream, its bytes. */
export async function bodyOf(body: unknown, { asBytes }: ClientRequest): Promise<unknown> {
  return asBytes ? buffer(body as NodeJS.ReadableStream) : body;
}

/** What both official clients are opened with. */
export function clientOptions({ url, others = [], headers, tls }: EngineAddress) {
  return {
    nodes: [url, ...others],
    headers: { ...headers },
    maxRetries: 2,
    requestTimeout: 120_000,
    ...(tls && { secure: secureOptions(tls) }),
  };
}

/** {@link TlsIdentity} in the words of `node:tls`. */
export function secureOptions({ ca, certificate, key, name }: TlsIdentity) {
  return {
    ...(ca && { ca }),
    ...(certificate && { cert: certificate }),
    ...(key && { key }),
    ...(name && { servername: name }),
  };
}

/** Header values as strings, repeated ones joined as RFC 9110 §5.3 allows. */
export function plainHeaders(
  headers: Readonly<Record<string, unknown>> | null | undefined,
): Record<string, string> {
  const entries = Object.entries(headers ?? {});
  return Object.fromEntries(
    entries
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}
