/** What the measurements with the documentation of the installed packages have in common. */
import { loadSettings, type SettingsSources } from '../config/settings.ts';
import { startEngine } from '../engine/embedded/start.ts';
import type { EngineName } from '../engine/port.ts';
import { type RunningServer, startServer } from '../proxy/server.ts';

export interface DocumentationBench {
  /** Directory with `package-lock.json` and `node_modules`, whose documentation is the corpus. */
  readonly root: string;
  readonly engine: EngineName;
  readonly documents: number;
  /** Questions of a round, of those that the demo asks. */
  readonly questions: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onRound: () => void;
}

/**
 * What `use` gives with a proxy before an embedded engine, which both end with it. Settings are those of the environment and `given`.
 * @throws MiceError when the engine or the proxy does not start
 */
export async function withProxy<T>(
  engine: EngineName,
  given: NonNullable<SettingsSources['given']>,
  use: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const embedded = await startEngine({ engine });
  try {
    // Questions are asked in every round, as if for the first time.
    const usual = { upstreamUrl: embedded.url, listenPort: 0, logLevel: 'warn', cacheQueriesMb: 0 };
    const server = await startServer(
      loadSettings({ environment: process.env, given: { ...usual, ...given } }),
    );
    try {
      return await use(server);
    } finally {
      await server.close();
    }
  } finally {
    await embedded.stop();
  }
}
