/** `mice engine`: a real search server on this machine, until it is interrupted. */
import { Command, Option } from 'commander';
import { distributions } from '../engine/embedded/artifacts.ts';
import { type EmbeddedEngine, type StartOptions, startEngine } from '../engine/embedded/start.ts';
import type { EngineName } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { untilInterrupted } from './interruption.ts';
import { printJson } from './output.ts';

export interface EngineOptions {
  readonly engine: EngineName;
  readonly engineVersion?: string;
  readonly port: string;
  readonly data?: string;
  readonly heap: string;
  readonly throughput?: true;
  readonly json?: true;
}

export function engineCommand(): Command {
  const pinned = distributions.map(({ engine, version }) => `${engine} ${version}`).join(', ');
  return new Command('engine')
    .description(`Runs a search server on this machine, fetched on first use. Pinned: ${pinned}.`)
    .addOption(
      new Option('--engine <name>', 'which engine')
        .choices(['opensearch', 'elasticsearch'])
        .default('opensearch'),
    )
    .option('--engine-version <version>', 'which of the pinned versions; the first by default')
    .option('--port <port>', 'HTTP port on 127.0.0.1; 0 takes any free one', '9200')
    .option('--data <directory>', 'where data stays; by default it is removed at the end')
    .option('--heap <MB>', 'Java heap', '512')
    .option('--throughput', 'start slower and search faster')
    .option('--json', 'print one JSON object when ready')
    .action(runEngine);
}

/** Starts the engine, prints where it listens, and stops it at the first SIGINT or SIGTERM. */
export async function runEngine(options: EngineOptions): Promise<void> {
  const engine = await startEngine(startOptions(options));
  const { name, version, url } = engine;
  if (options.json) printJson({ name, version, url });
  else process.stdout.write(`${name} ${version} at ${url}\n`);
  await Promise.race([untilInterrupted('The engine'), untilEnded(engine)]).finally(() => engine.stop());
}

function startOptions(options: EngineOptions): StartOptions {
  return {
    engine: options.engine,
    port: Number(options.port),
    heapMb: Number(options.heap),
    compiler: options.throughput ? 'throughput' : 'quick-start',
    ...(options.engineVersion === undefined ? {} : { version: options.engineVersion }),
    ...(options.data === undefined ? {} : { dataDirectory: options.data }),
  };
}

/** Throws `engine-failed` when the engine ends by itself. */
async function untilEnded(engine: EmbeddedEngine): Promise<void> {
  const { asked, status, signal } = await engine.exited;
  if (!asked) {
    throw new MiceError('engine-failed', `${engine.name} ended by itself (${signal ?? `status ${status}`}).`);
  }
}
