/** What a proxy's bundle can compute, asked of the proxy. */
import { z } from 'zod';
import { MiceError } from '../errors.ts';
import { send } from './send.ts';

const readyShape = z.object({ graphs: z.array(z.string()) });

/**
 * Roles of the graphs in the bundle that the proxy at `proxyUrl` serves, e.g. `document`, `cross-encoder`.
 *
 * @throws MiceError `proxy-refused` when it does not say, `upstream-unreachable`
 */
export async function servedGraphs(
  proxyUrl: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReadonlySet<string>> {
  const url = new URL('/_mice/ready', proxyUrl);
  const { status, text, json } = await send(url, { method: 'GET', headers });
  const parsed = readyShape.safeParse(json);
  if (status === 200 && parsed.success) return new Set(parsed.data.graphs);
  throw new MiceError(
    'proxy-refused',
    `${url.href} named no graphs but gave ${status}: ${text.slice(0, 200)}`,
    {
      hint: 'The address of a running mice proxy of this release is expected.',
    },
  );
}
