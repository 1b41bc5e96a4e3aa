/** Fetching directly over HTTP from a repository that the settings name. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { MiceError, messageOf } from '../../errors.ts';
import type { Artifact, PypiWheel } from './artifacts.ts';
import { mavenPath } from './fetch-maven.ts';
import { type Repositories, repositorySettings } from './repositories.ts';

/** The URL of an artefact in the repositories, or undefined where its kind has none. */
export async function urlIn(repositories: Repositories, artifact: Artifact): Promise<string | undefined> {
  const { origin } = artifact;
  const base = repositories[origin.kind];
  if (base === undefined) return undefined;
  const directory = base.endsWith('/') ? base : `${base}/`;
  requireHttp(directory, repositorySettings[origin.kind]);
  if (origin.kind === 'maven') return new URL(mavenPath(origin), directory).href;
  return wheelUrl(new URL(`${origin.project}/`, directory).href, artifact, origin);
}

/** Streams `url` into the file `path`. Throws `artifact-fetch` naming the URL. */
export async function fetchOverHttp(url: string, path: string): Promise<void> {
  const answer = await get(url);
  if (answer.body === null)
    throw new MiceError('artifact-fetch', `${addressed(url).href} answered without a body.`);
  const body = Readable.fromWeb(answer.body as ReadableStream<Uint8Array>);
  await pipeline(body, createWriteStream(path)).catch((fault: NodeJS.ErrnoException) => {
    const code = fault.code === 'ENOSPC' ? 'disk-full' : 'artifact-fetch';
    throw new MiceError(code, `The transfer from ${addressed(url).href} broke off: ${fault.message}`, {
      cause: fault,
    });
  });
}

function requireHttp(base: string, setting: string): void {
  if (/^https?:\/\//.test(base) && URL.canParse(base)) return;
  throw new MiceError('bad-option', `${setting} is not an address.`, {
    hint: 'An http:// or https:// base URL is accepted.',
  });
}

/** Finds a file's link on a project page of a package index (PEP 503: anchors whose text is the file name). */
async function wheelUrl(page: string, artifact: Artifact, origin: PypiWheel): Promise<string> {
  const html = await (await get(page)).text();
  for (const [, href = ''] of html.matchAll(/<a\s[^>]*?href\s*=\s*["']([^"']+)["']/gi)) {
    const url = new URL(href.replaceAll('&amp;', '&'), page);
    if (decodeURIComponent(url.pathname).endsWith(`/${artifact.fileName}`)) return url.href;
  }
  throw new MiceError(
    'artifact-fetch',
    `${addressed(page).href} lists no ${artifact.fileName} (${origin.project} ${origin.version}).`,
  );
}

async function get(url: string): Promise<Response> {
  const { href, headers } = addressed(url);
  const answer = await fetch(href, { headers }).catch((fault: unknown) => {
    const reason =
      fault instanceof Error && fault.cause !== undefined ? messageOf(fault.cause) : messageOf(fault);
    throw new MiceError('artifact-fetch', `${href} cannot be reached: ${reason}`, { cause: fault });
  });
  if (answer.ok) return answer;
  await answer.body?.cancel();
  throw new MiceError('artifact-fetch', `${href} answered ${answer.status} ${answer.statusText}`.trim());
}

/** Takes name and password out of a URL: they travel as a header (RFC 7617) and are never shown. */
function addressed(url: string): { readonly href: string; readonly headers: Record<string, string> } {
  const parsed = new URL(url);
  const credentials = [parsed.username, parsed.password].map(decodeURIComponent).join(':');
  parsed.username = '';
  parsed.password = '';
  if (credentials === ':') return { href: parsed.href, headers: {} };
  const encoded = Buffer.from(credentials, 'utf8').toString('base64');
  return { href: parsed.href, headers: { authorization: `Basic ${encoded}` } };
}
