/** One call of a model: a few tasks that are answered in any order and settle together. */
import { MiceError } from '../errors.ts';

/** A task made only when a thread takes it, so that what waits holds no copies. */
export type Prepare<T> = () => { readonly task: T; readonly transfer: readonly ArrayBuffer[] };

/** How tasks of several calls that wait are done as one, which costs less. */
export interface Joining<T> {
  /** Tasks of one at most. */
  readonly most: number;
  unite(tasks: readonly T[]): T;
  /** What each of the tasks would have been answered, from the answer to their union. */
  divide(answer: unknown): readonly unknown[];
}

export class Call<T> {
  readonly answers: Promise<readonly unknown[]>;
  /** Undefined where each task is done by itself. */
  readonly joining: Joining<T> | undefined;
  readonly #tasks: readonly Prepare<T>[];
  readonly #collected: unknown[];
  readonly #settle: { resolve: (answers: readonly unknown[]) => void; reject: (error: unknown) => void };
  #next = 0;
  #missing: number;
  #settled = false;

  constructor(tasks: readonly Prepare<T>[], joining?: Joining<T>) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    this.answers = promise;
    this.joining = joining;
    this.#settle = { resolve, reject };
    this.#tasks = tasks;
    this.#collected = new Array(tasks.length);
    this.#missing = tasks.length;
  }

  /** Whether tasks are left that no thread has taken. */
  get waiting(): boolean {
    return !this.#settled && this.#next < this.#tasks.length;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Precondition: {@link waiting}. */
  take() {
    const index = this.#next++;
    return { ...this.#tasks[index]!(), answer: (value: unknown) => this.#collect(index, value) };
  }

  /** Drops the tasks that wait; those that run are answered to nobody. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#settle.reject(error);
  }

  abort(): void {
    this.fail(new MiceError('aborted', 'The caller left before the model had answered.'));
  }

  #collect(index: number, value: unknown): void {
    this.#collected[index] = value;
    if (--this.#missing > 0 || this.#settled) return;
    this.#settled = true;
    this.#settle.resolve(this.#collected);
  }
}
