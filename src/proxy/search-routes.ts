/** What happens to a search, by the form in which it is asked. */
import { openAsyncAnswer } from './async-answer.ts';
import { controlsOfHeaders } from './controls.ts';
import { type Exchange, type Substitute, sendOn } from './exchange.ts';
import type { SearchForm, SearchInterception } from './intercept.ts';
import { refusalUnder } from './load.ts';
import { multiSearch } from './multi-search-route.ts';
import { planSearch, type RerankPlan, type SkipPlan } from './plan.ts';
import { openVectorizer } from './query-vector.ts';
import { type RerankNeeds, rerankSearch } from './rerank.ts';
import { plainSubstitute } from './routes.ts';
import {
  answerReranked,
  limitBytes,
  passOn,
  readable,
  readSearch,
  scoringNeeds,
  skip,
  unlessOurs,
  unscored,
} from './search-exchange.ts';
import { searchNear } from './search-near.ts';
import type { Services } from './services.ts';
import { serving } from './serving.ts';
import { parameterIn, parseTarget } from './target.ts';
import { plainTarget } from './template.ts';
import { renderTemplate } from './template-route.ts';
import { windowKey } from './window-cache.ts';

type Route = (exchange: Exchange, services: Services, index: string | undefined) => Promise<void>;

const routes: Readonly<Record<SearchForm, Route>> = {
  search: plainSearch,
  async: asyncSearch,
  template: templateSearch,
  multi: (exchange, services, index) => multiSearch(exchange, services, index, 'searches'),
  'multi-template': (exchange, services, index) => multiSearch(exchange, services, index, 'templates'),
};

/** Any search: re-ranked where it asks in words, with a verdict in any case. */
export function search(
  exchange: Exchange,
  services: Services,
  { form, index }: SearchInterception,
): Promise<void> {
  return routes[form](exchange, form.startsWith('multi') ? services : serving(services, [index]), index);
}

async function plainSearch(exchange: Exchange, services: Services, index: string | undefined): Promise<void> {
  const { request, target } = exchange;
  const controls = controlsOfHeaders(request.headers);
  const body = await readSearch(exchange, services);
  if (!body) return;
  const asked = planSearch({ path: target, body: body.plain, controls, index }, services.settings);
  const plan = await withVectors(asked, exchange, services);
  const own: Substitute = {
    ...unlessOurs(body, plan.body),
    ...(plan.kind === 'skip' && { path: plan.path }),
  };
  if (plan.kind === 'skip') return skip(exchange, services, plan.reason, own, plan.firstStage);
  return rerankOr(exchange, services, plan, own);
}

/** The plan with vectors where texts stand for them: whatever becomes of the search, the cluster understands it. */
async function withVectors<Plan extends RerankPlan | SkipPlan>(
  plan: Plan,
  exchange: Exchange,
  services: Services,
): Promise<Plan> {
  const body = await openVectorizer(services, exchange).of(plan.body);
  return body === plan.body ? plan : { ...plan, body };
}

/** Re-ranks; where the widened search gives nothing to work on, sends the caller's own. */
async function rerankOr(
  exchange: Exchange,
  services: Services,
  plan: RerankPlan,
  own: Substitute,
  open?: RerankNeeds['open'],
): Promise<void> {
  const { upstream, model, pages, load, steps } = services;
  const key = windowKey(plan.basis, model.bundle.id, exchange.request);
  const refusal = refusalUnder(load);
  // A page of a window whose order is known costs no scoring.
  if (refusal && !plan.unscored && (plan.from === 0 || !pages.get(key)))
    return passOn(exchange, services, [unscored(exchange, services, refusal)], own);
  // Only a text at hand tells whether the states that memory has are the document's.
  const memoryFirst = plan.sourceIsWhole && !plan.difference.keepStates && steps.areTwo(plan.index);
  const reranked = await rerankSearch(plan, {
    ...scoringNeeds(exchange, services, plan, memoryFirst ? plan.statesPath : undefined),
    memoryFirst,
    bodyLimitBytes: limitBytes(services),
    searchAt: (path) => sendOn(exchange, upstream, readable(path, plan.body)),
    open,
    searchNear: (near, path, signal) =>
      searchNear(exchange, services, { near, queryText: plan.queryText, path }, signal),
    pages,
    windowKey: key,
  });
  if (reranked.kind === 'replay') return skip(exchange, services, reranked.reason, own);
  const { body, verdict, clock } = reranked;
  answerReranked(exchange, services, reranked, body, [verdict], { clock, explain: plan.explain });
}

/** A template, rendered by the cluster and then searched for as what it stands for. */
async function templateSearch(
  exchange: Exchange,
  services: Services,
  index: string | undefined,
): Promise<void> {
  const { request, target } = exchange;
  const fromHeaders = controlsOfHeaders(request.headers);
  const body = await readSearch(exchange, services);
  if (!body) return;
  const rendered = await renderTemplate(exchange, services, body.plain);
  const { own, search: bytes } = rendered;
  if (!bytes) return skip(exchange, services, 'template', unlessOurs(body, own));
  const controls = { ...rendered.controls, ...fromHeaders };
  const path = plainTarget(target);
  const asked = planSearch({ path, body: bytes, controls, index }, services.settings);
  const plan = await withVectors(asked, exchange, services);
  // What a template itself says to the proxy is in the rendered search only.
  const original = plan.body === bytes ? unlessOurs(body, own) : { ...plainSubstitute(plan.body), path };
  if (plan.kind === 'skip') return skip(exchange, services, plan.reason, original, plan.firstStage);
  return rerankOr(exchange, services, plan, original);
}

/** `_async_search` that ends within the caller's wait; what goes on is the caller's own search. */
async function asyncSearch(exchange: Exchange, services: Services, index: string | undefined): Promise<void> {
  const { request, target } = exchange;
  const controls = { ...controlsOfHeaders(request.headers), firstStage: 'as-sent' as const };
  const body = await readSearch(exchange, services);
  if (!body) return;
  const search = { path: target, body: body.plain, controls, index, form: 'async' as const };
  const plan = await withVectors(planSearch(search, services.settings), exchange, services);
  const own = unlessOurs(body, plan.body);
  if (plan.kind === 'skip') return skip(exchange, services, plan.reason, { ...own, path: plan.path });
  const keeps = (parameterIn(parseTarget(target), 'keep_on_completion') ?? 'false') !== 'false';
  if (keeps) return skip(exchange, services, 'async', own);
  return rerankOr(exchange, services, plan, own, (sent) => openAsyncAnswer(exchange, services, sent));
}
