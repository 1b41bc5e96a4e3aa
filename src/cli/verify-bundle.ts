/** Whether a bundle is whole, and works on this machine. */
import { messageOf } from '../errors.ts';
import { type Bundle, checkFile, readBundle } from '../model/bundle.ts';
import type { EncodedDocument, Model } from '../model/model.ts';
import { openModel } from '../model/runtime.ts';
import { checkStates } from '../states/check.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
}

export interface BundleVerification {
  readonly model: string;
  readonly ok: boolean;
  readonly files: readonly Check[];
  /** Empty when a file is not what it should be: then nothing is run. */
  readonly run: readonly Check[];
}

/**
 * Holds every file against its hash and then runs each graph once on this machine.
 * @throws MiceError `bundle-missing` or `bundle-invalid` when there is no manifest to verify against
 */
export async function verifyBundle(directory: string): Promise<BundleVerification> {
  const bundle = await readBundle(directory);
  const files = await Promise.all(Object.keys(bundle.files).map((name) => fileCheck(bundle, name)));
  const run = files.every(({ ok }) => ok) ? await runChecks(bundle) : [];
  return { model: bundle.model, ok: [...files, ...run].every(({ ok }) => ok), files, run };
}

async function fileCheck(bundle: Bundle, name: string): Promise<Check> {
  try {
    await checkFile(bundle, name);
    return { name, ok: true, detail: bundle.files[name]!.sha256 };
  } catch (thrown) {
    return { name, ok: false, detail: messageOf(thrown) };
  }
}

const QUESTION = 'how do hedgehogs survive the winter';
const ANSWER =
  'Hedgehogs hibernate in a nest of leaves from November until spring, living on their body fat.';
const OFF_TOPIC = 'The shares of the railway company fell.';

async function runChecks(bundle: Bundle): Promise<readonly Check[]> {
  try {
    const model = await openModel(bundle.directory, { threads: 1 });
    return await computeChecks(model).finally(() => model.close());
  } catch (thrown) {
    return [{ name: 'graphs', ok: false, detail: messageOf(thrown) }];
  }
}

async function computeChecks(model: Model): Promise<readonly Check[]> {
  const query = await model.encodeQuery(QUESTION);
  const documents = await model.encodeDocuments([ANSWER, OFF_TOPIC]);
  const states = documents.map((document) => document.states);
  const together = (await model.score(query, states)).scores;
  const alone = (await model.score(query, states.slice(0, 1))).scores;
  const norms = [query, ...documents].map(({ vector }) => Math.hypot(...vector));
  return [
    check('query graph', query.states.every(Number.isFinite), `${query.tokens} tokens`),
    check(
      'document graph',
      documents.every(isStorable(model.bundle)),
      `${states.map((s) => s.length).join(', ')} bytes`,
    ),
    check(
      'vectors have unit length',
      norms.every((norm) => Math.abs(norm - 1) < 1e-3),
      norms.join(', '),
    ),
    check('interaction graph', together.every(Number.isFinite), together.join(', ')),
    check('scores do not depend on company', together[0] === alone[0], `${together[0]}, ${alone[0]}`),
    check('an answer is scored above an unrelated text', together[0]! > together[1]!, together.join(' > ')),
    ...(await queryFastChecks(model, query.vector)),
    ...(await crossEncoderChecks(model)),
  ];
}

/** None where the bundle has no such graph. */
async function queryFastChecks(model: Model, teacher: Float32Array): Promise<readonly Check[]> {
  if (model.bundle.graphs['query-fast'] === undefined) return [];
  const { tokens, vector } = await model.encodeQueryFast(QUESTION);
  const norm = Math.hypot(...vector);
  const likeness = vector.reduce((sum, value, at) => sum + value * teacher[at]!, 0);
  return [
    check('query-fast graph', vector.length === model.bundle.dims.vector, `${tokens} tokens`),
    check(
      'query-fast vector has unit length',
      Math.abs(norm - 1) < 1e-3,
      `${norm}; cosine with the query graph's ${likeness}`,
    ),
  ];
}

/** None where the bundle has no such graph. */
async function crossEncoderChecks(model: Model): Promise<readonly Check[]> {
  if (model.bundle.graphs['cross-encoder'] === undefined) return [];
  const together = (await model.crossScore(QUESTION, [{ text: ANSWER }, { text: OFF_TOPIC }])).scores;
  const alone = (await model.crossScore(QUESTION, [{ text: ANSWER }])).scores;
  return [
    check('cross-encoder graph', together.every(Number.isFinite), together.join(', ')),
    check(
      'cross-encoder scores do not depend on company',
      Math.abs(together[0]! - alone[0]!) < 1e-3,
      `${together[0]}, ${alone[0]}`,
    ),
    check(
      'the cross-encoder scores an answer above an unrelated text',
      together[0]! > together[1]!,
      together.join(' > '),
    ),
  ];
}

function check(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail };
}

function isStorable({ id: bundleId }: Bundle): (document: EncodedDocument) => boolean {
  return ({ states }) => checkStates(states, { bundleId }).kind === 'ok';
}
