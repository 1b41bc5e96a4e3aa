/** One worker thread that is sent a request at a time. */
import { Worker } from 'node:worker_threads';
import { MiceError, messageOf } from '../errors.ts';
import type { Fault, Reply, Request, ThreadSetup } from './tasks.ts';

export interface ThreadEvents {
  /** The thread can take a task: after its start and after every answer. */
  idle(thread: Thread): void;
  /** The thread has ended, whether asked to or not. */
  ended(thread: Thread, cause: MiceError): void;
}

interface Assignment {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: MiceError) => void;
}

/** Time a thread has to let go of its sessions before it is ended. */
const CLOSE_MS = 5000;

export class Thread {
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #ended: Promise<void>;
  #assignment: Assignment | undefined;
  #cause: MiceError | undefined;
  #started = false;

  constructor(entry: URL, setup: ThreadSetup, events: ThreadEvents) {
    this.#events = events;
    this.#worker = new Worker(entry, { workerData: setup });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.#worker.on('error', (thrown) => {
      this.#cause = new MiceError('model-failed', `A model thread failed: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve(this.#end())));
  }

  /** Whether the thread has ever been ready. */
  get started(): boolean {
    return this.#started;
  }

  /** Precondition: the thread is idle. Rejects with the thread's fault, or with `model-failed` when it ends. */
  run(request: Request, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#assignment = { resolve, reject };
      this.#worker.postMessage(request, [...transfer]);
    });
  }

  async close(): Promise<void> {
    const force = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    this.#worker.postMessage({ kind: 'close' } satisfies Request);
    await this.#ended;
    clearTimeout(force);
  }

  /** Ends the thread at once, whatever it is doing. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(reply: Reply): void {
    if (reply.kind === 'unready') {
      this.#cause = errorOf(reply.fault);
      return;
    }
    const assignment = this.#assignment;
    this.#assignment = undefined;
    this.#started = true;
    if (reply.kind === 'failed') assignment?.reject(errorOf(reply.fault));
    if (reply.kind === 'done') assignment?.resolve(reply.answer);
    this.#events.idle(this);
  }

  #end(): void {
    const cause =
      this.#cause ?? new MiceError('model-failed', 'A model thread ended while it was computing.');
    this.#assignment?.reject(cause);
    this.#assignment = undefined;
    this.#events.ended(this, cause);
  }
}

function errorOf({ code, message, hint }: Fault): MiceError {
  return new MiceError(code, message, hint === undefined ? {} : { hint });
}
