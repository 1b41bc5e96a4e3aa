/** Entry of a model thread: opens the bundle's graphs once, then answers one task at a time. */
import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { basename, join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { MiceError, messageOf } from '../errors.ts';
import { optionalGraph } from './bundle.ts';
import { pairScores } from './cross-encoder.ts';
import { encodeDocuments, encodeQueries, encodeQueryFast } from './encoder.ts';
import { scoreDocuments } from './interaction.ts';
import type { EncodedDocument, EncodedQuery, QueryVector } from './model.ts';
import { openedOnUse } from './opened-on-use.ts';
import { packScoreTask } from './score-task.ts';
import { openSession, type Session } from './session.ts';
import { CROSS_ENCODER, ENCODER, INTERACTION, type Signature, VECTOR } from './signatures.ts';
import type { Answers, Fault, Reply, Request, Task, TaskKind, TaskOf, ThreadSetup } from './tasks.ts';
import { loadTokenizer } from './tokenizer.ts';

type Answer = Answers[Task['kind']];

type Computer = { readonly [K in TaskKind]: (task: TaskOf<K>) => Promise<Answers[K]> } & {
  close(): Promise<void>;
};

/** Steps of the scheduler (`nice`) behind the rest of the process. */
const GIVES_WAY = 10;
const WARM_UP = 'A few words of a length that people ask for';

async function openComputer({ bundle, splitting, intraOpThreads }: ThreadSetup): Promise<Computer> {
  const open = (file: string, signature: Signature): Promise<Session> =>
    openSession(join(bundle.directory, file), { ...signature, intraOpThreads });
  const document = await open(bundle.graphs.document, ENCODER);
  const query = await open(bundle.graphs.query, ENCODER);
  const interaction = await open(bundle.graphs.interaction, INTERACTION);
  // Not every bundle has these, and most processes never ask for them.
  const queryFast = openedOnUse(() => open(optionalGraph(bundle, 'query-fast'), VECTOR));
  const pairs = openedOnUse(() => open(optionalGraph(bundle, 'cross-encoder'), CROSS_ENCODER));
  const sessions = [document, query, interaction, queryFast, pairs];
  const tokenizer = await loadTokenizer(join(bundle.directory, 'tokenizer.json'));
  const computer: Computer = {
    queries: ({ texts }) => encodeQueries(query, tokenizer, bundle, texts),
    vector: ({ text }) => encodeQueryFast(queryFast, tokenizer, bundle, text),
    documents: ({ texts }) => encodeDocuments(document, tokenizer, bundle, splitting, texts),
    score: (task) => scoreDocuments(interaction, bundle, task),
    cross: (task) => pairScores(pairs, tokenizer, bundle, task),
    close: async () => void (await Promise.all(sessions.map((session) => session.close()))),
  };
  await warmUp(computer);
  return computer;
}

/** One pass through every graph that is open before the thread is called ready: the first inference of a session is slow. */
async function warmUp(computer: Computer): Promise<void> {
  const [query] = await computer.queries({ kind: 'queries', texts: [WARM_UP] });
  const documents = await computer.documents({ kind: 'documents', texts: [WARM_UP] });
  const states = documents.map((document) => document.states);
  await computer.score(packScoreTask(query!, states).task);
}

function compute(computer: Computer, task: Task): Promise<Answer> {
  const answer: (task: never) => Promise<Answer> = computer[task.kind];
  return answer(task as never);
}

function faultOf(thrown: unknown): Fault {
  if (thrown instanceof MiceError) return { code: thrown.code, message: thrown.message, hint: thrown.hint };
  return { code: 'model-failed', message: messageOf(thrown), hint: undefined };
}

/** Buffers of an answer, which move to the other thread instead of being copied. */
function buffersOf(answer: Answer): ArrayBuffer[] {
  if (answer instanceof Float32Array) return [answer.buffer as ArrayBuffer];
  if ('scores' in answer)
    return [answer.scores.buffer as ArrayBuffer, answer.passages.buffer as ArrayBuffer, answer.slab];
  const parts: readonly (EncodedDocument | EncodedQuery | QueryVector)[] =
    'length' in answer ? answer : [answer];
  const arrays = parts.flatMap((part) => ('states' in part ? [part.vector, part.states] : [part.vector]));
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

async function serve(port: MessagePort, setup: ThreadSetup): Promise<void> {
  const computer = await openComputer(setup);
  const answer = async (task: Task): Promise<{ reply: Reply; transfer: ArrayBuffer[] }> => {
    try {
      const answer = await compute(computer, task);
      return { reply: { kind: 'done', answer }, transfer: buffersOf(answer) };
    } catch (thrown) {
      return { reply: { kind: 'failed', fault: faultOf(thrown) }, transfer: [] };
    }
  };
  const obey = async (request: Request): Promise<void> => {
    if (request.kind === 'close') return await computer.close().finally(() => port.close());
    const { reply, transfer } = await answer(request);
    rest(setup);
    port.postMessage(reply, transfer);
  };
  port.on('message', (request: Request) => void obey(request));
  rest(setup);
  port.postMessage({ kind: 'ready' } satisfies Reply);
}

/** Lets the end of the process go ahead. Before a reply, which may be followed by a task at once. */
function rest({ busy }: ThreadSetup): void {
  Atomics.store(busy, 0, 0);
  Atomics.notify(busy, 0);
}

/**
 * The event loop, which passes answers on, goes before this thread: on busy cores it would wait for a whole turn of it
 * otherwise. Where the system cannot tell one thread from another, they stay equals.
 */
function giveWay(): void {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, Math.min(getPriority() + GIVES_WAY, constants.priority.PRIORITY_LOW));
  } catch {}
}

if (parentPort !== null) {
  const port = parentPort;
  giveWay();
  const setup = workerData as ThreadSetup;
  try {
    await serve(port, setup);
  } catch (thrown) {
    // With no listener left the thread ends by itself.
    rest(setup);
    port.postMessage({ kind: 'unready', fault: faultOf(thrown) } satisfies Reply);
  }
}
