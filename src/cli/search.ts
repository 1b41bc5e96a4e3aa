/** `mice search`: one question through a running proxy. */
import { Command } from 'commander';
import { connectEngine } from '../engine/connect.ts';
import { printJson } from './output.ts';
import { settingsOf, withSettings } from './settings.ts';

interface SearchOptions {
  readonly proxy: string;
  readonly size: string;
  readonly json?: true;
}

export function searchCommand(): Command {
  const command = new Command('search')
    .description('Asks a question through a running proxy and shows the hits.')
    .argument('<index>', 'name of the index')
    .argument('<query>', 'the question')
    .option('--proxy <url>', 'address of the proxy', 'http://127.0.0.1:9201')
    .option('--size <n>', 'hits to show', '10');
  return withSettings(command, ['upstreamAuthorization', 'textFields'])
    .option('--json', 'print the hits as JSON')
    .action((index: string, query: string, options: SearchOptions) => search(index, query, options));
}

async function search(index: string, query: string, options: SearchOptions): Promise<void> {
  const { textFields, upstreamAuthorization } = settingsOf({ ...options });
  const headers = upstreamAuthorization === '' ? {} : { authorization: upstreamAuthorization };
  const engine = await connectEngine({ url: options.proxy, headers });
  try {
    const body = {
      size: Number(options.size),
      query: { multi_match: { query, fields: textFields, lenient: true } },
    };
    const { hits, headers: answered } = await engine.search(index, body);
    const verdict = answered['x-mice'] ?? 'no x-mice header: this is no mice proxy';
    if (options.json) printJson({ verdict, hits });
    else {
      process.stdout.write(`${verdict}\n`);
      for (const [at, { id, score }] of hits.entries()) process.stdout.write(`${at + 1}\t${score}\t${id}\n`);
    }
  } finally {
    await engine.close();
  }
}
