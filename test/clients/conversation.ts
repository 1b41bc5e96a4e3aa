/** What every official client is asked to do, and what it says it saw: the same for all languages. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface Order {
  readonly url: string;
  /** An index that is not there yet. */
  readonly index: string;
  readonly documents: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A search body. */
  readonly search: Readonly<Record<string, unknown>>;
}

/** How a client tells that something failed. */
export interface Refusal {
  /** The name of the client's own exception. */
  readonly kind: string | null;
  readonly status: number | null;
  readonly says: string;
}

export interface Seen {
  /** Name and version. */
  readonly client: string;
  /** By the client's bulk helper: items written, statuses of those that failed, and the exception for them. */
  readonly bulk: {
    readonly written: number;
    readonly failed: readonly number[];
    readonly raised: string | null;
  };
  readonly count: number;
  /** Of the index, and of one that is absent: a HEAD request each. */
  readonly exists: readonly boolean[];
  readonly source: Readonly<Record<string, unknown>>;
  readonly search: {
    readonly ids: readonly string[];
    readonly total: number;
    readonly verdict: string | null;
  };
  /** Two pages of two. */
  readonly pages: readonly (readonly string[])[];
  /** By the client's scroll helper. */
  readonly scrolled: readonly string[];
  /** Through a point in time, by sort values. */
  readonly view: readonly string[];
  readonly viewClosed: boolean;
  /** `_msearch` of the search and of one of an absent index. */
  readonly several: {
    readonly ids: readonly string[];
    readonly failed: number;
    readonly verdict: string | null;
  };
  readonly missing: Refusal;
  readonly conflict: Refusal;
  readonly malformed: Refusal;
  /** A request that takes the cluster longer than the client waits. */
  readonly late: Refusal;
  /** With compressed requests and answers. */
  readonly packed: { readonly ids: readonly string[]; readonly verdict: string | null };
}

/** Runs a program that reads an order and prints what it saw. */
export async function converse(
  program: string,
  args: readonly string[],
  order: Order,
  env: NodeJS.ProcessEnv = {},
): Promise<Seen> {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  child.stdin.end(JSON.stringify(order));
  const [printed, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    return JSON.parse(printed) as Seen;
  } catch {
    throw new Error(`${program} ${args.join(' ')} broke off: ${complaint || printed}`);
  }
}
