/** `bundle.json`: what a model bundle says of itself. */
import { z } from 'zod';
import { MiceError } from '../errors.ts';

/** Version of the bundle format that this release reads. */
export const BUNDLE_FORMAT = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a sha256 in 64 lower-case hex characters');
/** Files lie beside bundle.json: a name is never a path out of the directory. */
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a plain file name beside bundle.json');
const count = z.int().positive();
const text = z.string().min(1);
/** What a hit's rank in the first stage (from 1) adds to its score: weight / log2(1 + rank). */
const firstStage = z.strictObject({ kind: z.literal('reciprocal-log2'), weight: z.number() });
/** Score = what the graph gives + cosineWeight × cosine of the query's vector and the document's stored one. */
const blend = { cosineWeight: z.number(), firstStage };

const manifestSchema = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes'),
  source: z.looseObject({
    ...{ model: text, licence: text, layers: count.optional() },
    ...{ bottomLayers: count, interactionLayers: count },
  }),
  /** Values of a query state, of the first-stage vector and of a stored document state. */
  dims: z.strictObject({ hidden: count, vector: count.max(0xffff), states: count.max(0xffff) }),
  stateDtype: z.enum(['int8', 'int4', 'float16']),
  /** Tokens of a document that its interaction was trained to read. */
  stateTokens: z.enum(['all', 'merged']).default('all'),
  /** Tokens read at most, special tokens included; `pairTokens` of a query and a document together. */
  limits: z.strictObject({
    documentTokens: count.min(3).max(0xffff),
    queryTokens: count.min(3),
    pairTokens: count.optional(),
  }),
  /** Of the interaction, and of the cross-encoder where there is one. */
  score: z.strictObject({ ...blend, crossEncoder: z.strictObject(blend).optional() }),
  /** Role → file. */
  graphs: z.strictObject({
    document: fileName,
    query: fileName,
    interaction: fileName,
    'query-fast': fileName.optional(),
    'cross-encoder': fileName.optional(),
  }),
  tokenizerHash: sha256,
  files: z.record(fileName, z.strictObject({ bytes: z.int().nonnegative(), sha256 })),
  licence: text,
  trainingData: z.array(z.unknown()),
  /** Measured by the training; for people, not read by the runtime. */
  quality: z.record(z.string(), z.unknown()),
  /** By how much a recomputation may differ, by quantity. */
  tolerance: z.record(z.string(), z.unknown()),
});

/** Names of the top-level fields. */
export const manifestFields: readonly string[] = Object.keys(manifestSchema.shape);

export type Manifest = Readonly<z.infer<typeof manifestSchema>>;
export type GraphRole = keyof Manifest['graphs'];
/** Graphs that a bundle may leave out. */
export const OPTIONAL_GRAPHS = ['query-fast', 'cross-encoder'] as const;

export type OptionalGraph = (typeof OPTIONAL_GRAPHS)[number];

/** @throws MiceError `bundle-invalid` naming every field that is not accepted, and what would be. */
export function parseManifest(json: string, path: string): Manifest {
  const parsed = manifestSchema.safeParse(readJson(json, path));
  if (!parsed.success) throw invalid(path, parsed.error.issues.map(describe).join('; '));
  const manifest = parsed.data;
  const contradictions = contradictionsIn(manifest);
  if (contradictions.length > 0) throw invalid(path, contradictions.join('; '));
  const unlisted = usedFiles(manifest).filter((name) => manifest.files[name] === undefined);
  if (unlisted.length > 0) throw invalid(path, `files has no entry for ${unlisted.join(', ')}`);
  if (manifest.files['tokenizer.json']!.sha256 !== manifest.tokenizerHash) {
    throw invalid(path, 'tokenizerHash differs from the sha256 of tokenizer.json in files');
  }
  return manifest;
}

/** Fields that are fine by themselves and do not go together. */
function contradictionsIn({ graphs, limits, score, stateDtype, dims }: Manifest): readonly string[] {
  const leastPair = limits.queryTokens + 2;
  const found: string[] = [];
  if (stateDtype === 'int4' && dims.states % 2 !== 0)
    found.push(`dims.states: with stateDtype int4 an even number is expected, not ${dims.states}`);
  if (limits.pairTokens !== undefined && limits.pairTokens < leastPair)
    found.push(`limits.pairTokens: at least limits.queryTokens + 2, here ${leastPair}, is expected`);
  if (graphs['cross-encoder'] === undefined) return found;
  if (limits.pairTokens === undefined)
    found.push(`limits.pairTokens: with a cross-encoder graph a number of at least ${leastPair} is expected`);
  if (score.crossEncoder === undefined)
    found.push('score.crossEncoder: with a cross-encoder graph cosineWeight and firstStage are expected');
  return found;
}

/** Files that the manifest refers to beside its list. */
function usedFiles({ graphs }: Manifest): readonly string[] {
  return ['tokenizer.json', ...Object.values(graphs).filter((name) => name !== undefined)];
}

function readJson(json: string, path: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
}

function describe(issue: z.core.$ZodIssue): string {
  const field = issue.path.length === 0 ? 'bundle.json' : issue.path.join('.');
  return `${field}: ${issue.message}`;
}

function invalid(path: string, what: string, cause?: unknown): MiceError {
  const hint = `This release reads bundle format ${BUNDLE_FORMAT}; docs/model.md lists the fields.`;
  return new MiceError('bundle-invalid', `${path}: ${what}.`, { hint, cause });
}
