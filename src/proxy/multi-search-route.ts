/** `_msearch` and `_msearch/template`: every search is planned, widened and spliced by itself, in one request. */
import { type Controls, controlsOfHeaders } from './controls.ts';
import type { Exchange } from './exchange.ts';
import { type FilterDemand, readFilterPath } from './filter-path.ts';
import { inTurns } from './in-turns.ts';
import { readMultiSearch, type SubRequest, writeMultiSearch } from './multi-search.ts';
import { planSubSearch, type SubPlan, statesFieldOf } from './plan.ts';
import { openVectorizer, type Vectorizer } from './query-vector.ts';
import { type Part, rerankSeveral } from './rerank-several.ts';
import { plainSubstitute } from './routes.ts';
import { readSearch, skip, unlessOurs } from './search-exchange.ts';
import type { Services } from './services.ts';
import { serving } from './serving.ts';
import { parameterIn, parseTarget, printTarget, type Target, withParameters } from './target.ts';
import { plainTarget } from './template.ts';
import { renderTemplate } from './template-route.ts';

interface PlannedPart extends Part {
  /** `own` is a search, though a template came: only the rendered one has its vectors. */
  readonly mustBeRendered?: boolean;
}

/** @param kind what the lines hold */
export async function multiSearch(
  exchange: Exchange,
  all: Services,
  index: string | undefined,
  kind: 'searches' | 'templates',
): Promise<void> {
  const target = parseTarget(exchange.target);
  const controls = controlsOfHeaders(exchange.request.headers);
  const body = await readSearch(exchange, all);
  if (!body) return;
  const asItCame = { body: body.raw };
  const requests = readMultiSearch(body.plain);
  if (!requests) return skip(exchange, all, 'unreadable-body', asItCame);
  const services = serving(
    all,
    requests.map((request) => request.index ?? index),
  );
  if ((parameterIn(target, 'format') ?? 'json') !== 'json')
    return skip(exchange, services, 'media-type', asItCame);
  const filterPath = parameterIn(target, 'filter_path');
  const statesField = statesFieldOf(services.settings);
  const filter = filterPath === undefined ? undefined : readFilterPath(filterPath, statesField, 'several');
  const parts = await partsOf(exchange, services, requests, { target, index, controls, kind, filter });
  const plain = parseTarget(kind === 'templates' ? plainTarget(exchange.target) : exchange.target);
  const own = parts.some(({ mustBeRendered }) => mustBeRendered)
    ? { ...plainSubstitute(linesOf(parts)), path: printTarget(plain) }
    : unlessOurs(body, ownLines(parts, body.plain));
  if (parts.some(isUnrendered)) return skip(exchange, services, 'template', own);
  const widened = filter?.kind === 'hits' ? withParameters(plain, { filter_path: filter.widened }) : plain;
  await rerankSeveral(exchange, services, parts, {
    own,
    widenedPath: printTarget(widened),
    filter: filter?.kind === 'hits' ? filter : undefined,
  });
}

interface Common {
  readonly target: Target;
  /** The index expression of the path. */
  readonly index: string | undefined;
  readonly controls: Controls;
  readonly kind: 'searches' | 'templates';
  readonly filter: FilterDemand | undefined;
}

async function partsOf(
  exchange: Exchange,
  services: Services,
  requests: readonly SubRequest[],
  { target, index, controls: fromHeaders, kind, filter }: Common,
): Promise<readonly PlannedPart[]> {
  const vectorizer = openVectorizer(services, exchange);
  const parts = await inTurns(requests, async (request): Promise<PlannedPart> => {
    const { header } = request;
    const scope = request.index ?? index;
    if (kind === 'searches') {
      const { body } = request;
      const search = { target, header, body, index: scope, controls: fromHeaders, filter };
      const plan = await withVectors(planSubSearch(search, services.settings), vectorizer);
      return { header, own: plan.body, plan };
    }
    const rendered = await renderTemplate(exchange, services, request.body);
    const { own } = rendered;
    if (!rendered.search) return { header, own, plan: { kind: 'skip', reason: 'template', body: own } };
    const controls = { ...rendered.controls, ...fromHeaders };
    const search = { target, header, body: rendered.search, index: scope, controls, filter };
    const asked = planSubSearch(search, services.settings);
    const plan = await withVectors(asked, vectorizer);
    return { header, own, plan, mustBeRendered: plan !== asked };
  });
  // One endpoint takes them all: as searches, where each is one, or as templates.
  const asSearches = parts.some(({ mustBeRendered }) => mustBeRendered) && !parts.some(isUnrendered);
  return parts.map(({ header, own, plan }) => ({
    header,
    own: asSearches ? plan.body : own,
    plan,
    mustBeRendered: asSearches,
  }));
}

const isUnrendered = ({ plan }: Part) => plan.kind === 'skip' && plan.reason === 'template';

/** The same plan where no text stands for a vector. */
async function withVectors(plan: SubPlan, vectorizer: Vectorizer): Promise<SubPlan> {
  const body = await vectorizer.of(plan.body);
  if (body === plan.body) return plan;
  return plan.kind === 'skip'
    ? { ...plan, body }
    : {
        ...plan,
        body,
        widenedBody: await vectorizer.of(plan.widenedBody),
        windowBody: await vectorizer.of(plan.windowBody),
      };
}

function linesOf(parts: readonly Part[]): Buffer {
  return writeMultiSearch(parts.map(({ header, own }) => ({ header, body: own })));
}

/** The caller's lines without what was ours; the very same bytes where nothing was. */
function ownLines(parts: readonly Part[], received: Buffer): Buffer {
  const lines = linesOf(parts);
  const start = received[0] === 0x0a ? 1 : 0;
  return lines.equals(received.subarray(start)) ? received : lines;
}
