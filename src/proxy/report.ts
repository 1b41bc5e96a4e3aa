/** Tells what became of searches: metrics, one log line each, and the span of the request. */
import type { StageTimes } from '../observe/stages.ts';
import { describeSpan } from '../observe/trace.ts';
import type { Exchange } from './exchange.ts';
import type { Services } from './services.ts';
import type { Verdict } from './verdicts.ts';

/** Longest id of a caller that a log line repeats. */
const ID_CHARACTERS = 128;

/** @param timesMs stages of the whole request; of none where the searches were passed on */
export function report(
  { request }: Exchange,
  { metrics, log }: Services,
  verdicts: readonly Verdict[],
  timesMs: StageTimes = {},
): void {
  metrics.observeStages(timesMs);
  const caller = idsOf(request.headers);
  for (const verdict of verdicts) {
    metrics.countSearch(verdict.outcome, verdict.reason);
    if (verdict.firstStage) metrics.countFirstStage(verdict.firstStage.kind, verdict.firstStage.reason);
    if (verdict.outcome !== 'skipped') metrics.observeWindow(verdict.window, verdict.scored);
    const { tookMs, ...told } = { tookMs: undefined, ...verdict };
    log.info(
      { ...told, ...(tookMs && { tookMs: Math.round(tookMs) }), ...caller, stagesMs: timesMs },
      'search',
    );
  }
  const [first] = verdicts;
  if (first === undefined) return;
  describeSpan({
    'mice.outcome': first.outcome,
    ...(first.reason && { 'mice.reason': first.reason }),
    ...(verdicts.length > 1 && { 'mice.searches': verdicts.length }),
    ...(first.outcome !== 'skipped' && { 'mice.window': first.window, 'mice.scored': first.scored }),
  });
}

/** What lets a caller find its own request again. */
function idsOf(headers: Exchange['request']['headers']): { opaqueId?: string; traceId?: string } {
  const opaqueId = headers['x-opaque-id'];
  const [, traceId] = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(String(headers['traceparent'] ?? '')) ?? [];
  return {
    ...(typeof opaqueId === 'string' && { opaqueId: opaqueId.slice(0, ID_CHARACTERS) }),
    ...(traceId && { traceId }),
  };
}
