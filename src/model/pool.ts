/** A fixed number of threads, the calls that wait for them, and who is next. */
import { MiceError, messageOf } from '../errors.ts';
import { Call, type Joining, type Prepare } from './call.ts';
import type { ComputeOptions, Priority } from './model.ts';
import type { Task, ThreadSetup } from './tasks.ts';
import { Thread } from './thread.ts';

export interface PoolOptions {
  /** Module that every thread runs. */
  readonly entry: URL;
  readonly setup: Omit<ThreadSetup, 'busy'>;
  readonly threads: number;
  /** Calls that may wait or run at a time. */
  readonly queueLimit: number;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #threads = new Set<Thread>();
  readonly #idle: Thread[] = [];
  /** In order of arrival. */
  readonly #waiting: Readonly<Record<Priority, Set<Call<Task>>>> = { search: new Set(), ingest: new Set() };
  readonly #unsettled = new Set<Call<Task>>();
  readonly #opened = Promise.withResolvers<void>();
  #closed = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.#opened.promise.catch(() => undefined);
    process.on('exit', this.#settle);
  }

  /** Resolves when every thread is ready. @throws MiceError the first fault of a thread that cannot start */
  static async open(options: PoolOptions): Promise<Pool> {
    const pool = new Pool(options);
    pool.#fill();
    try {
      await pool.#opened.promise;
      return pool;
    } catch (fault) {
      await pool.close();
      throw fault;
    }
  }

  /** The process may end by process.exit or an error while threads compute. */
  readonly #settle = () => {
    for (const thread of this.#threads) thread.settle();
  };

  /** Calls that wait or run. */
  get pending(): number {
    return this.#unsettled.size;
  }

  /** Threads that could start at once; 0 while calls wait. */
  get idle(): number {
    return this.#idle.length;
  }

  /**
   * Runs the tasks on as many threads as are free, search before ingest, and answers in their order. Tasks of calls
   * with the same `joining` are done together where no thread is left for each.
   * @throws MiceError `model-overloaded`, `aborted`, `model-failed`, or what a task failed with
   */
  async run(
    tasks: readonly Prepare<Task>[],
    { priority = 'search', signal }: ComputeOptions,
    joining?: Joining<Task>,
  ): Promise<readonly unknown[]> {
    this.#admit(signal);
    if (tasks.length === 0) return [];
    const call = new Call(tasks, joining);
    const abort = () => this.#drop(call);
    signal?.addEventListener('abort', abort, { once: true });
    this.#unsettled.add(call);
    this.#waiting[priority].add(call);
    this.#fill();
    this.#dispatch();
    try {
      return await call.answers;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#forget(call);
    }
  }

  /** Waits for the calls that were admitted, then ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#unsettled].map((call) => call.answers));
    await Promise.all([...this.#threads].map((thread) => thread.close()));
    process.off('exit', this.#settle);
  }

  #admit(signal: AbortSignal | undefined): void {
    if (this.#closed) throw new MiceError('model-failed', 'The model is closed.');
    if (signal?.aborted) throw new MiceError('aborted', 'The caller left before the model was asked.');
    const { queueLimit } = this.#options;
    if (this.pending < queueLimit) return;
    const hint = `At most ${queueLimit} calls may wait or run (queueLimit); ask again later, or for less.`;
    throw new MiceError('model-overloaded', 'The queue of the model is full.', { hint });
  }

  #drop(call: Call<Task>): void {
    call.abort();
    this.#forget(call);
  }

  #forget(call: Call<Task>): void {
    this.#unsettled.delete(call);
    this.#waiting.search.delete(call);
    this.#waiting.ingest.delete(call);
  }

  #dispatch(): void {
    while (this.#idle.length > 0) {
      const call = this.#nextCall();
      if (call === undefined) return;
      const thread = this.#idle.pop()!;
      this.#assign(thread, this.#idle.length > 0 ? [call] : this.#together(call));
    }
  }

  /** The call, and those that wait with it for the last thread and can be done together with it. */
  #together(call: Call<Task>): readonly Call<Task>[] {
    const { joining } = call;
    if (joining === undefined) return [call];
    const others = [...this.#waiting.search, ...this.#waiting.ingest].filter(
      (other) => other !== call && other.waiting && other.joining === joining,
    );
    return [call, ...others.slice(0, joining.most - 1)];
  }

  #nextCall(): Call<Task> | undefined {
    for (const calls of [this.#waiting.search, this.#waiting.ingest]) {
      for (const call of calls) {
        if (call.waiting) return call;
        calls.delete(call);
      }
    }
    return undefined;
  }

  #assign(thread: Thread, calls: readonly Call<Task>[]): void {
    const fail = (fault: unknown) => {
      for (const call of calls) call.fail(fault);
    };
    try {
      const taken = calls.map((call) => call.take());
      const tasks = taken.map(({ task }) => task);
      const joining = tasks.length > 1 ? calls[0]!.joining : undefined;
      const transfer = taken.flatMap((one) => one.transfer);
      thread.run(joining ? joining.unite(tasks) : tasks[0]!, transfer).then((answer) => {
        const answers = joining ? joining.divide(answer) : [answer];
        for (const [at, one] of taken.entries()) one.answer(answers[at]);
      }, fail);
    } catch (thrown) {
      // Preparing a task failed, so the thread was given nothing.
      this.#idle.push(thread);
      fail(thrown);
    }
  }

  /** Starts the threads that are missing: at the beginning, after a crash, or when none could be started before. */
  #fill(): void {
    if (this.#closed) return;
    const { entry, setup, threads } = this.#options;
    while (this.#threads.size < threads) {
      this.#threads.add(
        new Thread(entry, setup, {
          idle: (thread) => this.#onIdle(thread),
          ended: (thread, cause) => this.#onEnded(thread, cause),
        }),
      );
    }
  }

  #onIdle(thread: Thread): void {
    this.#idle.push(thread);
    if ([...this.#threads].every(({ started }) => started)) this.#opened.resolve();
    this.#dispatch();
  }

  #onEnded(thread: Thread, cause: MiceError): void {
    this.#threads.delete(thread);
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#opened.reject(cause);
    // A thread that could not even start is not replaced before the next call: it would fail again, for ever.
    if (thread.started) this.#fill();
    if (this.#threads.size === 0) this.#failAll(cause);
  }

  #failAll(cause: MiceError): void {
    const error = new MiceError('model-failed', `No model thread could be started: ${messageOf(cause)}`, {
      cause,
    });
    for (const call of this.#unsettled) call.fail(error);
  }
}
