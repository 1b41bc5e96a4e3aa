/** The answer of `_async_search`: that of the search, with more around it. */
import { cutsOf, membersOf, skipSpace, stringAt, without } from '../json/spans.ts';
import { loggable } from '../observe/log.ts';
import type { Exchange } from './exchange.ts';
import { headersForUpstream } from './headers.ts';
import { replaced } from './multi-search.ts';
import type { OpenedAnswer } from './rerank.ts';
import { bodyHeaders } from './routes.ts';
import type { Services } from './services.ts';
import type { SkipReason } from './verdicts.ts';

/** The search's answer in `sent`. Where the cluster keeps it, or still searches, the widened search is deleted. */
export async function openAsyncAnswer(
  exchange: Exchange,
  services: Services,
  sent: Buffer,
): Promise<OpenedAnswer | SkipReason> {
  const { id, response } = partsOf(sent);
  if (id !== undefined) {
    await forget(exchange, services, id);
    return 'async';
  }
  return response ?? { answer: sent, close: (answer) => answer };
}

function partsOf(sent: Buffer): {
  readonly id?: string | undefined;
  readonly response?: OpenedAnswer | undefined;
} {
  try {
    const members = membersOf(sent, skipSpace(sent, 0));
    const id = members.findLast(({ key }) => key === 'id');
    const response = members.findLast(({ key }) => key === 'response');
    return {
      id: id && stringAt(sent, id.value),
      response: response && {
        answer: sent.subarray(response.value.start, response.value.end),
        // The engine leaves out what its filter left nothing of.
        close: (answer) =>
          membersOf(answer, 0).length === 0
            ? without(sent, cutsOf(members, [response]))
            : replaced(sent, [{ span: response.value, by: answer }]),
      },
    };
  } catch {
    return {};
  }
}

/** Deletes a widened search that the cluster keeps, so that nobody fetches it. */
async function forget(exchange: Exchange, { upstream, log }: Services, id: string): Promise<void> {
  const drop = [...bodyHeaders, 'content-type'];
  try {
    const answer = await upstream.send({
      method: 'DELETE',
      path: `/_async_search/${encodeURIComponent(id)}`,
      headers: headersForUpstream(exchange.request, drop),
      body: null,
      signal: exchange.signal,
    });
    answer.body.resume();
  } catch (error) {
    log.warn(loggable(error), 'a widened asynchronous search could not be deleted; it ends by itself');
  }
}
