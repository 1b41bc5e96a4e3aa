/** Renders templates in the cluster, with the caller's own credentials. */
import { jsonOrUndefined } from '../json/parse.ts';
import { loggable } from '../observe/log.ts';
import { type Controls, controlsOfBody } from './controls.ts';
import type { Exchange } from './exchange.ts';
import { withoutOurs } from './plan.ts';
import { askCluster } from './search-exchange.ts';
import type { Services } from './services.ts';
import { searchOf } from './template.ts';

export interface RenderedTemplate {
  /** The request of the template without what was ours. */
  readonly own: Buffer;
  /** What was ours in it. */
  readonly controls: Controls;
  /** The search that it stands for; undefined where the cluster does not render it, and says why in its own answer. */
  readonly search: Buffer | undefined;
}

/**
 * @throws MiceError `bad-option` when `ext.mice` holds what is not accepted
 */
export async function renderTemplate(
  exchange: Exchange,
  services: Services,
  request: Buffer,
): Promise<RenderedTemplate> {
  const parsed = jsonOrUndefined(request.toString());
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { own: request, controls: {}, search: undefined };
  const asked = parsed as Readonly<Record<string, unknown>>;
  const { body: own, ours } = withoutOurs(request, asked);
  const controls = controlsOfBody(ours);
  try {
    const answer = await askCluster(exchange, services, '/_render/template', own);
    return { own, controls, search: searchOf(answer, asked) };
  } catch (error) {
    services.log.debug(loggable(error), 'a template was not rendered');
    return { own, controls, search: undefined };
  }
}
