/**
 * Spans through the OpenTelemetry API. Without an SDK in the process they cost nothing and go nowhere; with one
 * (`node --import`), they join the caller's trace by the propagator that it registers.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

const SCOPE = 'mice-bridge';

/** Runs `work` in a span of a request that came with `headers`. */
export function inRequestSpan<T>(
  name: string,
  headers: IncomingHttpHeaders,
  attributes: Attributes,
  work: () => Promise<T>,
): Promise<T> {
  const parent = propagation.extract(context.active(), headers);
  const options = { kind: SpanKind.SERVER, attributes };
  return trace.getTracer(SCOPE).startActiveSpan(name, options, parent, (span) => ended(span, work));
}

/** Runs `work` in a span below the active one. */
export function inSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  return trace.getTracer(SCOPE).startActiveSpan(name, (span) => ended(span, work));
}

/** Adds to the active span. */
export function describeSpan(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

async function ended<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The message may quote what a document or a query says, so only the kind of the fault is told.
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: (error as { code?: string }).code ?? 'unexpected',
    });
    throw error;
  } finally {
    span.end();
  }
}
