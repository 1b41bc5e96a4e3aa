/** The demo: fill an index through the proxy, ask every question both ways, show and report what came. */
import type { MiceFields } from '../engine/port.ts';
import type { startProgress } from '../observe/progress.ts';
import { type Answered, type Asked, ask } from './ask.ts';
import type { DemoData } from './data.ts';
import { fillIndex } from './fill.ts';
import { type DemoReport, reportOf } from './report.ts';

export interface DemoPieces extends Asked {
  readonly proxyUrl: string;
  /** Name and id of the bundle that the proxy serves. */
  readonly bundle: string;
  readonly fields: MiceFields;
  readonly data: DemoData;
  readonly startProgress: typeof startProgress;
  /** Called when the index is full, before the first question. */
  readonly onFilled?: (documents: number, indexMs: number) => void;
  /** Called with every answer as it comes, and with what to call each document. */
  readonly onAnswer?: (answer: Answered, titles: ReadonlyMap<string, string>) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface DemoOutcome {
  readonly report: DemoReport;
  readonly answers: readonly Answered[];
}

/** @throws MiceError of the load or of the engine, `aborted` when `signal` fires */
export async function runDemo(pieces: DemoPieces): Promise<DemoOutcome> {
  const { direct: engine, data, bundle, signal } = pieces;
  const { corpus, questions } = data;
  const { indexMs, titles } = await fillIndex({ ...pieces, engine, corpus });
  pieces.onFilled?.(corpus.documents, indexMs);
  // The first search pays for connections and compilation on both sides; none of the shown ones should.
  if (questions[0] !== undefined) await ask(pieces, questions[0]);
  const answers: Answered[] = [];
  for (const question of questions) {
    signal?.throwIfAborted();
    const answer = await ask(pieces, question);
    answers.push(answer);
    pieces.onAnswer?.(answer, titles);
  }
  const { name, version } = engine;
  const head = {
    engine: { name, version },
    bundle,
    corpus: { name: data.name, documents: corpus.documents, indexMs },
  };
  return { report: reportOf(head, answers), answers };
}
