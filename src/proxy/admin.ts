/** The routes under `/_mice/`: health, metrics, the playground, and the model by itself. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import { answerFault, openExchange } from './exchange.ts';
import type { Self } from './listen.ts';
import { embeddings, embeddingsBody, rerank, rerankBody } from './model-api.ts';
import { compare, compareBody, indices } from './playground/compare.ts';
import { playgroundPage } from './playground/page.ts';
import type { Services } from './services.ts';

/** The state of this very proxy. */
export interface Standing {
  /** The playground asks it as any client does. */
  readonly self: Self;
  /** It is about to end. */
  readonly isDraining: boolean;
}

export function adminRoutes(current: () => Services, standing: () => Standing): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use('/_mice', express.json({ limit: '10mb' }));
  app.get('/_mice/health', (_, response) => void response.json({ status: 'up' }));
  app.get('/_mice/ready', (_, response) => {
    const { model, graphs } = current().model.bundle;
    const draining = standing().isDraining;
    const status = draining ? 'draining' : 'ready';
    response.status(draining ? 503 : 200).json({ status, model, graphs: Object.keys(graphs) });
  });
  app.get('/_mice/metrics', async (_, response) => {
    const { metrics } = current();
    response.type(metrics.contentType).send(await metrics.expose());
  });
  app.get('/_mice', (_, response) => void showPage(response));
  app.get('/_mice/indices', async (request, response) => {
    response.json(await indices(standing().self, request));
  });
  app.post('/_mice/compare', async (request, response) => {
    response.json(await compare(current(), standing().self, request, accept(compareBody, request.body)));
  });
  app.post('/_mice/v1/embeddings', async (request, response) => {
    response.json(await embeddings(current(), accept(embeddingsBody, request.body), leaving(response)));
  });
  app.post('/_mice/v1/rerank', async (request, response) => {
    const ranked = await rerank(current(), accept(rerankBody, request.body), leaving(response));
    response.type('json').send(ranked);
  });
  app.use((request, response) => answerOwnFault(response, unknownRoute(request)));
  app.use(((error, _request, response, _next) =>
    answerOwnFault(response, faultOf(error))) satisfies ErrorRequestHandler);
  return app;
}

/** Fires when the client leaves before it has its answer: what it asked of the model is then dropped. */
function leaving(response: Response): AbortSignal {
  return openExchange(response.req, response).signal;
}

/** The page's requests are relative, so it is served under the trailing slash only. */
function showPage(response: Response): void {
  const page = playgroundPage();
  if (response.req.path === '/_mice/') response.set(page.headers).send(page.body);
  else response.redirect(301, '/_mice/');
}

function accept<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new MiceError('bad-request', z.prettifyError(parsed.error).replaceAll('\n', ' '));
}

function unknownRoute(request: Request): MiceError {
  return new MiceError('bad-request', `No route ${request.method} ${request.path}.`, {
    hint: 'Routes: GET /_mice/, /_mice/health, /_mice/ready, /_mice/metrics, /_mice/indices; POST /_mice/compare, /_mice/v1/embeddings, /_mice/v1/rerank.',
  });
}

function faultOf(error: unknown): MiceError {
  if (error instanceof MiceError) return error;
  const status = (error as { status?: unknown }).status;
  if (status === 413) return new MiceError('too-large', 'The body is over 10 MB.');
  return new MiceError(status === 400 ? 'bad-request' : 'model-failed', messageOf(error), { cause: error });
}

function answerOwnFault(response: Response, fault: MiceError): void {
  answerFault({ response }, fault);
}
