/** The sidecar in a process of its own, and the documents that are written through it. */
import { defaultBundleDirectory } from '../model/bundle.ts';
import { type ChildServer, startServer } from './child.ts';

export interface BenchDocument {
  readonly title: string;
  readonly text: string;
}

/** What is read of a document. */
export const FIELDS: readonly string[] = ['title', 'text'];

export interface SidecarOptions {
  /** Bundle directory; the one in the package unless given. */
  readonly bundle?: string | undefined;
  /** Threads of the model. */
  readonly threads: number;
}

export function startSidecar(upstream: string, { bundle, threads }: SidecarOptions): Promise<ChildServer> {
  const flags = {
    'upstream-url': upstream,
    'listen-port': '0',
    'model-bundle': bundle || defaultBundleDirectory(),
    'model-threads': String(threads),
    'text-fields': FIELDS.join(','),
    'log-level': 'warn',
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  return startServer('../cli/main', ['sidecar', '--json', ...args]);
}
