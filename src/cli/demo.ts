/** `mice demo`: a real engine, the proxy before it, a real corpus, and both orders side by side. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { loadSettings } from '../config/settings.ts';
import { type DemoData, openDemoData } from '../demo/data.ts';
import { legend, printBriefly, printQuestion, printSummary } from '../demo/print.ts';
import { type DemoOutcome, runDemo } from '../demo/run.ts';
import { type Screen, screenOfStream } from '../demo/screen.ts';
import { connectEngine } from '../engine/connect.ts';
import { type EmbeddedEngine, startEngine } from '../engine/embedded/start.ts';
import type { EngineName } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { startProgress } from '../observe/progress.ts';
import { type RunningServer, startServer } from '../proxy/server.ts';
import { watchInterruption } from './interruption.ts';
import { printJson } from './output.ts';

interface DemoOptions {
  readonly once?: true;
  readonly json?: string;
  readonly data?: string;
  readonly engine: EngineName;
  readonly port?: string;
}

const INDEX = 'mice-demo';
/** Questions shown in full; the others get a line each. */
const IN_FULL = 6;

const notes = `
Data: a directory in BEIR layout (corpus.jsonl, and queries.jsonl with qrels/test.tsv where there are any, each
plain or .gz).

Exit codes: 0 done · 1 the model failed · 2 an option or the data is not accepted · 4 the cluster refused ·
5 the embedded engine did not start or ended · 130 interrupted before it was done.`;

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'Starts a real engine with the proxy before it, fills it with a real corpus and searches it both ways.',
    )
    .option('--once', 'end after printing instead of leaving everything running')
    .option(
      '--json <file>',
      'write what was shown as JSON; - writes it to standard output instead of the text',
    )
    .option('--data <dir>', 'search another collection than the documentation of the installed packages')
    .addOption(
      new Option('--engine <name>', 'engine to start')
        .choices(['opensearch', 'elasticsearch'])
        .default('opensearch'),
    )
    .option('--port <n>', 'port of the proxy; 9201, or a free one where that is taken')
    .addHelpText('after', notes)
    .action((options: DemoOptions) => demo(options));
}

async function demo(options: DemoOptions): Promise<void> {
  const data = await openDemoData(fileURLToPath(new URL('../../', import.meta.url)), options.data);
  const interruption = watchInterruption('The demo');
  const say = (line: string) =>
    void (options.json === '-' ? process.stderr : process.stdout).write(`${line}\n`);
  say(`Starting ${options.engine} …`);
  const embedded = await startEngine({ engine: options.engine });
  try {
    interruption.signal.throwIfAborted();
    const proxy = await startProxy(embedded.url, options.port);
    try {
      await show(data, embedded, proxy, options, interruption.signal, say);
      if (options.once === undefined) await linger(embedded, interruption.signal);
    } finally {
      await proxy.close();
    }
  } finally {
    interruption.stop();
    await embedded.stop();
  }
}

async function startProxy(upstreamUrl: string, port: string | undefined): Promise<RunningServer> {
  const start = (listenPort: unknown) =>
    startServer(
      loadSettings({ environment: process.env, given: { upstreamUrl, listenPort, logLevel: 'warn' } }),
    );
  if (port !== undefined) return start(port);
  return start(9201).catch((error: unknown) => {
    if (error instanceof MiceError && error.code === 'port-taken') return start(0);
    throw error;
  });
}

async function show(
  data: DemoData,
  embedded: EmbeddedEngine,
  proxy: RunningServer,
  options: DemoOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const screen = screenOfStream(options.json === '-' ? process.stderr : process.stdout);
  say(`${embedded.name} ${embedded.version} at ${embedded.url}, the proxy before it at ${proxy.url}`);
  const outcome = await search(data, embedded.url, proxy, signal, screen, say);
  for (const line of printSummary(outcome.answers, screen)) say(line);
  if (options.json === '-') printJson(outcome.report);
  else if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(outcome.report, null, 2)}\n`);
  }
  if (options.once === undefined) for (const line of whereToGo(embedded, proxy, data)) say(line);
}

async function search(
  data: DemoData,
  upstreamUrl: string,
  proxy: RunningServer,
  signal: AbortSignal,
  screen: Screen,
  say: (line: string) => void,
): Promise<DemoOutcome> {
  const { model, settings } = proxy.services;
  const direct = await connectEngine({ url: upstreamUrl });
  const proxied = direct.through(proxy.url);
  let asked = 0;
  try {
    return await runDemo({
      direct,
      proxied,
      data,
      signal,
      startProgress,
      index: INDEX,
      proxyUrl: proxy.url,
      bundle: model.bundle.model,
      fields: { object: settings.fieldsObject, vectorDims: model.bundle.dims.vector },
      onFilled(documents, indexMs) {
        say(`${documents} passages indexed in ${(indexMs / 1000).toFixed(1)} s (${data.name})`);
        if (data.questions.length > 0) say(`\n${legend}`);
      },
      onAnswer(answer, titles) {
        if (asked === IN_FULL) say('');
        const lines =
          asked < IN_FULL ? printQuestion(answer, titles, screen) : [printBriefly(answer, screen)];
        asked += 1;
        for (const line of lines) say(line);
      },
    });
  } finally {
    await proxied.close();
    await direct.close();
  }
}

function whereToGo(embedded: EmbeddedEngine, proxy: RunningServer, data: DemoData): readonly string[] {
  const question = data.questions[0]?.text ?? '';
  const query = new URLSearchParams({ index: INDEX, ...(question !== '' && { q: question }) });
  const body = JSON.stringify({ query: { match: { text: question || 'your question' } } });
  return [
    '',
    `Page     ${proxy.url}/_mice/?${query}`,
    `Proxy    ${proxy.url}   the same API as the cluster, re-ranked`,
    `Cluster  ${embedded.url}`,
    `Try      curl -s '${proxy.url}/${INDEX}/_search' -H 'content-type: application/json' -d '${body}'`,
    'Ctrl-C ends all of it.',
  ];
}

/** Resolves when the user interrupts; rejects when the engine ends by itself. */
async function linger(embedded: EmbeddedEngine, signal: AbortSignal): Promise<void> {
  const interrupted = new Promise<'interrupted'>((resolve) => {
    if (signal.aborted) resolve('interrupted');
    signal.addEventListener('abort', () => resolve('interrupted'));
  });
  const ended = await Promise.race([interrupted, embedded.exited]);
  if (ended === 'interrupted') return;
  throw new MiceError('engine-failed', `${embedded.name} ended by itself.`, {
    hint: `Its logs were in ${embedded.directory}.`,
  });
}
