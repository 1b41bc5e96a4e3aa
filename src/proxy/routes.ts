/** What happens to each kind of request that is looked into. */
import { type Exchange, relay, type Substitute } from './exchange.ts';
import type { Services } from './services.ts';

/** Streams a request through untouched. */
export async function pass(
  exchange: Exchange,
  services: Services,
  substitute: Substitute = {},
): Promise<void> {
  services.metrics.countPassed(await relay(exchange, services.upstream, substitute));
}

/** What a request says of its body, and no longer holds of another one. */
export const bodyHeaders = ['content-length', 'content-encoding'];

/** A plain body in place of the one that came. */
export function plainSubstitute(body: Buffer): Substitute {
  return { body: body.length === 0 ? null : body, drop: bodyHeaders };
}

/** JSON and NDJSON by suffix, vendor types included; no type at all is left to the cluster, which assumes JSON. */
export function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/(?:[\w.-]+\+)?(?:x-nd)?json\b/i.test(contentType);
}
