/** An answer of the cluster on its way to the client, chunk by chunk, no faster than the client reads. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type AnswerHeaders, headersForClient, headersToRelay } from './headers.ts';

/** What is known of a request that may have to be tried elsewhere. */
export interface Progress {
  /** A connection has taken it: from here on the cluster may have acted on it. */
  sent: boolean;
  /** The status line came. */
  answered: boolean;
  /** What broke the request's body off, which is not the node's doing. */
  bodyFault?: unknown;
}

export interface AnswerHead {
  readonly status: number;
  readonly statusMessage: string;
  /** Flat name, value list. */
  readonly rawHeaders: readonly string[];
}

type Controller = Dispatcher.DispatchController;

/** Common to both ways of taking an answer: what came so far. */
abstract class Taking implements Dispatcher.DispatchHandler {
  readonly #progress: Progress;
  protected controller: Controller | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  onRequestStart(controller: Controller): void {
    this.#progress.sent = true;
    this.controller = controller;
    this.started(controller);
  }

  onResponseStart(controller: Controller, status: number, headers: AnswerHeaders, statusMessage = ''): void {
    if (status < 200) {
      this.informed(status, headers);
      return;
    }
    this.#progress.answered = true;
    const rawHeaders = (controller.rawHeaders as Buffer[]).map((bytes) => bytes.toString('latin1'));
    expectChunksOnly(rawHeaders);
    this.head({ status, statusMessage, rawHeaders });
  }

  protected started(_controller: Controller): void {}
  /** An informational answer came; the answer itself is still to come. */
  protected informed(_status: number, _headers: AnswerHeaders): void {}
  protected abstract head(head: AnswerHead): void;
  abstract onResponseData(controller: Controller, chunk: Buffer): void;
  abstract onResponseEnd(controller: Controller, trailers: AnswerHeaders): void;
  abstract onResponseError(controller: Controller, error: Error): void;
}

/** Writes the answer to a client. */
export class Relay extends Taking {
  readonly #response: ServerResponse;
  readonly #extra: HeaderPairs;
  readonly #done: (status: number) => void;
  readonly #failed: (error: Error) => void;
  #status = 0;
  #left = false;

  /** @param extra flat name, value list of headers of our own */
  constructor(
    progress: Progress,
    response: ServerResponse,
    extra: HeaderPairs,
    done: (status: number) => void,
    failed: (error: Error) => void,
  ) {
    super(progress);
    this.#response = response;
    this.#extra = extra;
    this.#done = done;
    this.#failed = failed;
    response.once('close', this.#onClose);
  }

  readonly #onClose = () => {
    if (this.#response.writableFinished) return;
    this.#left = true;
    this.controller?.abort(new Error('The caller left.'));
  };

  protected override started(controller: Controller): void {
    if (this.#left) controller.abort(new Error('The caller left.'));
  }

  protected override head({ status, statusMessage, rawHeaders }: AnswerHead): void {
    this.#status = status;
    const headers = headersToRelay(rawHeaders);
    headers.push(...this.#extra);
    this.#response.writeHead(status, statusMessage, headers);
    // An answer whose body takes long still has a beginning that the client may act on.
    process.nextTick(flushBeginning, this.#response);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  /** Those that Node.js has words for; an old client knows none (RFC 9110 §15.2). */
  protected override informed(status: number, headers: AnswerHeaders): void {
    if (this.#response.req.httpVersion === '1.0') return;
    if (status === 102) this.#response.writeProcessing();
    if (status === 103) this.#response.writeEarlyHints({ ...headersForClient(headers) });
  }

  onResponseEnd(_controller: Controller, trailers: AnswerHeaders): void {
    // Node.js sends them behind chunks only: elsewhere they have no place.
    this.#response.addTrailers(headersForClient(trailers));
    this.#response.end();
    this.#done(this.#status);
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#response.off('close', this.#onClose);
    this.#failed(error);
  }
}

type HeaderPairs = readonly string[];

/** The client library undoes chunks and nothing else, so a body in another coding would lose its name here. */
function expectChunksOnly(rawHeaders: readonly string[]): void {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() !== 'transfer-encoding') continue;
    if (rawHeaders[at + 1]!.toLowerCase() !== 'chunked')
      throw new Error('The answer has a transfer coding that is not taken apart here.');
  }
}

function flushBeginning(response: ServerResponse): void {
  if (!response.writableEnded && !response.destroyed) response.flushHeaders();
}

/** Gives the answer's head and its body as a stream. */
export class Reading extends Taking {
  readonly #opened: (head: AnswerHead, body: Readable) => void;
  readonly #failed: (error: Error) => void;
  readonly #signal: AbortSignal;
  #body: Readable | undefined;

  constructor(
    progress: Progress,
    signal: AbortSignal,
    opened: (head: AnswerHead, body: Readable) => void,
    failed: (error: Error) => void,
  ) {
    super(progress);
    this.#signal = signal;
    this.#opened = opened;
    this.#failed = failed;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  readonly #abort = () => this.controller?.abort(new Error('The caller left.'));

  protected override started(): void {
    if (this.#signal.aborted) this.#abort();
  }

  protected override head(head: AnswerHead): void {
    const controller = this.controller!;
    this.#body = new Readable({
      read: () => controller.resume(),
      destroy: (error, closed) => {
        this.#signal.removeEventListener('abort', this.#abort);
        controller.abort(error ?? new Error('The answer was not read to its end.'));
        closed(error);
      },
    });
    this.#opened(head, this.#body);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.#body!.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#body!.push(null);
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#signal.removeEventListener('abort', this.#abort);
    if (this.#body) this.#body.destroy(error);
    else this.#failed(error);
  }
}
