/** Entry of a model thread: opens the bundle's graphs once, then answers one task at a time. */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { MiceError, messageOf } from '../errors.ts';
import { encodeDocuments, encodeQuery } from './encoder.ts';
import { scoreDocuments } from './interaction.ts';
import { openSession, type Session } from './session.ts';
import type { Answers, Fault, Reply, Request, Task, ThreadSetup } from './tasks.ts';
import { loadTokenizer } from './tokenizer.ts';

const ENCODER = { inputs: ['input_ids', 'attention_mask'], outputs: ['states', 'vector'] };
const INTERACTION = {
  inputs: ['query_states', 'document_states', 'document_scales', 'document_lengths'],
  outputs: ['scores'],
};

type Answer = Answers[Task['kind']];

interface Computer {
  compute(task: Task): Promise<Answer>;
  close(): Promise<void>;
}

async function openComputer({ bundle, intraOpThreads }: ThreadSetup): Promise<Computer> {
  const open = (file: string, signature: typeof ENCODER): Promise<Session> =>
    openSession(join(bundle.directory, file), { ...signature, intraOpThreads });
  const document = await open(bundle.graphs.document, ENCODER);
  const query = await open(bundle.graphs.query, ENCODER);
  const interaction = await open(bundle.graphs.interaction, INTERACTION);
  const tokenizer = await loadTokenizer(join(bundle.directory, 'tokenizer.json'));
  return {
    compute(task) {
      if (task.kind === 'query') return encodeQuery(query, tokenizer, bundle, task.text);
      if (task.kind === 'documents') return encodeDocuments(document, tokenizer, bundle, task.texts);
      return scoreDocuments(interaction, bundle, task);
    },
    close: async () => void (await Promise.all([document.close(), query.close(), interaction.close()])),
  };
}

function faultOf(thrown: unknown): Fault {
  if (thrown instanceof MiceError) return { code: thrown.code, message: thrown.message, hint: thrown.hint };
  return { code: 'model-failed', message: messageOf(thrown), hint: undefined };
}

/** Buffers of an answer, which move to the other thread instead of being copied. */
function buffersOf(answer: Answer): ArrayBuffer[] {
  if (answer instanceof Float32Array) return [answer.buffer as ArrayBuffer];
  const arrays =
    'length' in answer
      ? answer.flatMap(({ vector, states }) => [vector, states])
      : [answer.vector, answer.states];
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

async function serve(port: NonNullable<typeof parentPort>): Promise<void> {
  const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const computer = await openComputer(workerData as ThreadSetup);
  const answer = async (request: Request): Promise<void> => {
    if (request.kind === 'close') return await computer.close().finally(() => port.close());
    try {
      const answer = await computer.compute(request);
      reply({ kind: 'done', answer }, buffersOf(answer));
    } catch (thrown) {
      reply({ kind: 'failed', fault: faultOf(thrown) });
    }
  };
  port.on('message', (request: Request) => void answer(request));
  reply({ kind: 'ready' });
}

if (parentPort !== null) {
  const port = parentPort;
  // With no listener left the thread ends by itself.
  await serve(port).catch((thrown: unknown) =>
    port.postMessage({ kind: 'unready', fault: faultOf(thrown) } satisfies Reply),
  );
}
