/** An engine with a proxy in front of it, for commands that measure or show. */
import { environmentNameOf } from '../config/options.ts';
import { loadSettings } from '../config/settings.ts';
import { connectEngine } from '../engine/connect.ts';
import { startEngine } from '../engine/embedded/start.ts';
import type { Engine } from '../engine/port.ts';
import { startServer } from '../proxy/server.ts';

export interface Environment {
  readonly engine: Engine;
  /** Base URL of the proxy in front of `engine`. */
  readonly proxyUrl: string;
  /** Name and id of the bundle that the proxy serves. */
  readonly bundle: string;
  /** Fields that the proxy reads texts from. */
  readonly textFields: readonly string[];
  close(): Promise<void>;
}

/**
 * Connects to the engine at `engineUrl`, or starts the embedded one, and puts a proxy with the settings of the
 * environment in front of it, on a free port.
 */
export async function openEvalEnvironment(engineUrl: string | undefined): Promise<Environment> {
  const embedded = engineUrl === undefined ? await startEngine({}) : undefined;
  const upstreamUrl = engineUrl ?? embedded!.url;
  try {
    const settings = loadSettings({
      // What is measured are documents read as one passage, unless the environment asks for more, and queries that
      // nobody has asked before, though every mode asks the same.
      environment: { [environmentNameOf('passages.max')]: '1', ...process.env },
      given: { upstreamUrl, listenPort: 0, logLevel: 'warn', rerankDeadlineMs: 600_000, cacheQueriesMb: 0 },
    });
    const server = await startServer(settings);
    const engine = await connectEngine({ url: upstreamUrl });
    return {
      engine,
      proxyUrl: server.url,
      bundle: server.services.model.bundle.model,
      textFields: settings.textFields,
      async close() {
        await engine.close();
        await server.close();
        await embedded?.stop();
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}
