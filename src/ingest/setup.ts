/** `mice setup`: an index that can hold vectors and states, made or completed; never weakened. */
import { isDeepStrictEqual } from 'node:util';
import type { Engine, IndexBody, MiceFields } from '../engine/port.ts';
import { MiceError } from '../errors.ts';

export interface SetupChange {
  readonly what: 'create index' | 'extend mapping' | 'put pipeline';
  readonly name: string;
  readonly body: unknown;
}

export interface SetupReport {
  readonly index: string;
  /** What was done, or would be on a dry run; empty when all is as it should be. */
  readonly changes: readonly SetupChange[];
  /** What works but costs something, in words. */
  readonly warnings: readonly string[];
}

export interface SetupOptions extends MiceFields {
  readonly dryRun?: boolean;
}

/**
 * @throws MiceError `index-mapping` when the index has fields of ours that do not fit the bundle, or none and a
 * mapping that can no longer take them
 */
export async function setupIndex(engine: Engine, index: string, options: SetupOptions): Promise<SetupReport> {
  const wanted = engine.indexBody(options);
  const live = await engine.describeIndex(index);
  const { changes, warnings } = live
    ? completion(index, live, wanted, options.object)
    : creation(index, wanted);
  const all = [...changes, ...pipelineChanges(engine)];
  if (options.dryRun !== true) for (const change of all) await apply(engine, index, change);
  return { index, changes: all, warnings };
}

type Plan = Pick<SetupReport, 'changes' | 'warnings'>;

function creation(index: string, wanted: IndexBody): Plan {
  return { changes: [{ what: 'create index', name: index, body: wanted }], warnings: [] };
}

function completion(index: string, live: IndexBody, wanted: IndexBody, object: string): Plan {
  const want = propertiesOf(wanted.mappings, object);
  const have = propertiesOf(live.mappings, object);
  for (const [field, mapping] of Object.entries(have)) {
    const differing = field in want ? differenceOf(mapping, want[field]) : undefined;
    if (differing === undefined) continue;
    throw new MiceError('index-mapping', `${index} maps ${object}.${field} with another ${differing}.`, {
      hint: `The bundle needs ${JSON.stringify(want[field])}. A mapped field cannot be changed: index anew, or set fields.object to a free name.`,
    });
  }
  if (wanted.settings['index'] && !Object.keys(have).length && !isKnn(live)) throw notKnn(index);
  const missing = Object.fromEntries(Object.entries(want).filter(([field]) => !(field in have)));
  const warnings = excludesStates(live, object)
    ? []
    : [
        `_source of ${index} keeps ${object}.vector and ${object}.states: every answer carries them, and an index cannot change that later.`,
      ];
  if (Object.keys(missing).length === 0) return { changes: [], warnings };
  const body = { properties: { [object]: { properties: missing } } };
  return { changes: [{ what: 'extend mapping', name: index, body }], warnings };
}

function pipelineChanges(engine: Engine): readonly SetupChange[] {
  if (!engine.capabilities.searchPipelines) return [];
  return Object.entries(engine.pipelines()).map(([name, body]) => ({ what: 'put pipeline', name, body }));
}

async function apply(engine: Engine, index: string, { what, name, body }: SetupChange): Promise<void> {
  if (what === 'create index') await engine.createIndex(index, body as IndexBody);
  else if (what === 'extend mapping') await engine.extendMapping(index, body as Record<string, unknown>);
  else await engine.putPipeline(name, body as Record<string, unknown>);
}

type Properties = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function propertiesOf(mappings: Readonly<Record<string, unknown>>, object: string): Properties {
  const properties = mappings['properties'] as Record<string, { properties?: Properties }> | undefined;
  return properties?.[object]?.properties ?? {};
}

/** The first member of `want` that the live mapping states otherwise; engines add defaults, which do not count. */
function differenceOf(
  live: Readonly<Record<string, unknown>>,
  want: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  const members = ['type', 'dims', 'dimension', 'similarity', 'doc_values'];
  return members.find(
    (name) =>
      want?.[name] !== undefined &&
      live[name] !== undefined &&
      !isDeepStrictEqual(String(live[name]), String(want[name])),
  );
}

function excludesStates({ mappings }: IndexBody, object: string): boolean {
  const source = mappings['_source'] as { excludes?: readonly string[] } | undefined;
  return (
    source?.excludes?.some(
      (field) => field === `${object}.states` || field === `${object}.*` || field === object,
    ) ?? false
  );
}

function isKnn({ settings }: IndexBody): boolean {
  return (settings['index'] as { knn?: unknown } | undefined)?.knn === 'true';
}

function notKnn(index: string): MiceError {
  return new MiceError(
    'index-mapping',
    `${index} was created without the setting index.knn, which cannot be added.`,
    {
      hint: 'Re-ranking works on it as it is, with states computed on first sight; for stored ones, reindex into an index made by setup.',
    },
  );
}
