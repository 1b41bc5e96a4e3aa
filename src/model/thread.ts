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

/** How long the end of the process is held up for an inference to finish. */
const EXIT_MS = 5000;

export class Thread {
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #ended: Promise<void>;
  #assignment: Assignment | undefined;
  #cause: MiceError | undefined;
  #started = false;
  /** [0] 1 from the moment a task is sent until the thread has computed it; 1 while the thread starts. */
  readonly #busy = new Int32Array(new SharedArrayBuffer(4)).fill(1);

  constructor(entry: URL, setup: Omit<ThreadSetup, 'busy'>, events: ThreadEvents) {
    this.#events = events;
    this.#worker = new Worker(entry, { workerData: { ...setup, busy: this.#busy } satisfies ThreadSetup });
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
      Atomics.store(this.#busy, 0, 1);
      this.#worker.postMessage(request, [...transfer]);
    });
  }

  /**
   * Ends when the thread has let go of its sessions. It is never terminated from outside: ONNX Runtime's binding
   * aborts the whole process when its thread is ended during an inference.
   */
  async close(): Promise<void> {
    this.#worker.postMessage({ kind: 'close' } satisfies Request);
    await this.#ended;
  }

  /** Blocks until no inference runs. For the end of the process, which ends its threads. */
  settle(): void {
    Atomics.wait(this.#busy, 0, 1, EXIT_MS);
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
    Atomics.store(this.#busy, 0, 0);
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
