/** `mice serve`, `mice proxy`, `mice sidecar`: one server with both halves, or either. */
import { Command } from 'commander';
import type { Settings } from '../config/options.ts';
import { loggable } from '../observe/log.ts';
import { type RunningServer, startServer } from '../proxy/server.ts';
import { untilInterrupted } from './interruption.ts';
import { printJson } from './output.ts';
import { settingsOf, withSettings } from './settings.ts';

export function serveCommand(): Command {
  return server('serve', 'Runs proxy and sidecar: re-ranks searches, adds vectors and states to writes.', {});
}

export function proxyCommand(): Command {
  return server('proxy', 'Runs the proxy alone: re-ranks searches, lets writes through as they are.', {
    ingestEnabled: false,
  });
}

export function sidecarCommand(): Command {
  return server(
    'sidecar',
    'Runs the sidecar alone: adds vectors and states to writes, lets searches through as they are.',
    {
      rerankEnabled: false,
    },
  );
}

function server(name: string, description: string, force: Partial<Settings>): Command {
  return withSettings(new Command(name).description(description))
    .option('--json', 'print one JSON object when ready')
    .action(async (parsed: { readonly json?: true }) => {
      const settings = settingsOf(parsed, force);
      const running = await startServer(settings);
      const { engine, model } = running.services;
      const ready = {
        url: running.url,
        upstream: settings.upstreamUrl,
        engine: { name: engine.name, version: engine.version },
        model: model.bundle.model,
      };
      if (parsed.json) printJson(ready);
      else
        process.stdout.write(
          `${ready.url} → ${ready.upstream} (${engine.name} ${engine.version}), page at ${ready.url}/_mice/\n`,
        );
      const reload = () => void reloadInto(running, () => settingsOf(parsed, force));
      process.on('SIGHUP', reload);
      await untilInterrupted('The server');
      process.off('SIGHUP', reload);
      await running.close();
    });
}

/** Settings that are not accepted leave those in force as they are, and the log says why. */
async function reloadInto(running: RunningServer, read: () => Settings): Promise<void> {
  try {
    await running.reload(read());
  } catch (error) {
    running.services.log.error(loggable(error), 'the settings were not reloaded; those before stay in force');
  }
}
