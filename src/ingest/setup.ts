/** `mice setup`: where an index's states are to lie, made or completed; never weakened. */
import { isDeepStrictEqual } from 'node:util';
import type { Engine, IndexBody, IndexTemplate, MiceFields } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { expectFits, otherwiseMapped, type Properties } from './mapping-fit.ts';
import {
  type CompanionStanding,
  companionBody,
  companionName,
  companionStanding,
} from './stores/companion.ts';
import { droppedIn, hasStates, metaWithDropped } from './stores/object.ts';
import type { StoreName } from './stores/store.ts';

export interface SetupChange {
  readonly what: 'create index' | 'delete index' | 'extend mapping' | 'put template' | 'put pipeline';
  readonly name: string;
  readonly body: unknown;
  /** What is there now, where that is replaced. */
  readonly before?: unknown;
}

export interface SetupReport {
  readonly index: string;
  readonly store: StoreName;
  /** What the choice of the store means, in words. */
  readonly about: readonly string[];
  /** What was done, or would be on a dry run; empty when all is as it should be. */
  readonly changes: readonly SetupChange[];
  /** What works but costs something, in words. */
  readonly warnings: readonly string[];
}

export interface SetupOptions extends MiceFields {
  /** Unless given, the companion where there is one, else the fields. */
  readonly store?: StoreName | undefined;
  readonly dryRun?: boolean;
}

/**
 * `index` may be an index, made where there is none; an alias or a data stream, of which every index is completed,
 * and the template that makes the stream's next one; or a pattern with `*`, for which a template is made or completed.
 * @throws MiceError `index-mapping` when the index has fields of ours that do not fit the bundle, or none and a
 * mapping that can no longer take them
 */
export async function setupIndex(engine: Engine, index: string, options: SetupOptions): Promise<SetupReport> {
  const indices = index.includes('*') ? {} : await liveIndices(engine, index);
  const companions = await companionsOf(engine, indices, options.object);
  const isBeside = Object.values(companions).some((standing) => standing !== 'absent');
  const store = options.store ?? (isBeside ? 'companion' : 'field');
  const plan =
    store === 'field'
      ? await fieldPlan(engine, index, indices, options)
      : store === 'companion'
        ? companionPlan(index, indices, companions, options.object)
        : cachePlan(indices, options.object);
  const outlived = Object.keys(companions).filter((name) => companions[name] !== 'absent');
  const gone = store === 'companion' ? [] : outlived.map((name) => deletion(name, options.object));
  const changes = [...plan.changes, ...gone];
  if (options.dryRun !== true) for (const change of changes) await apply(engine, change);
  return { index, store, about: aboutStore[store], changes, warnings: plan.warnings };
}

const aboutStore: Readonly<Record<StoreName, readonly string[]>> = {
  field: [
    'Vectors and states lie in the documents: a search gets the states with its hits, and can look for vectors.',
    'The mapping grows by one object; each document grows by its states, and stays one write. Engine-side rewrites (scripts, _update_by_query) drop the states until they are repaired.',
  ],
  companion: [
    'States lie in a hidden index beside, which only the service reads and writes: mapping and documents stay as they are.',
    'A search asks once more, by id; a write is followed by a second one, after the cluster accepted it. There are no vectors to search by. Deleting the index leaves the companion to be deleted, by a sweep or by hand.',
  ],
  cache: [
    'States lie in the service only: nothing is written to the cluster, and every process reads each document itself.',
    'A document costs its encoding the first time a search meets it, and again when it falls out of cache.memory and cache.disk. There are no vectors to search by.',
  ],
};

type Companions = Readonly<Record<string, CompanionStanding>>;

async function companionsOf(
  engine: Engine,
  indices: Readonly<Record<string, IndexBody>>,
  object: string,
): Promise<Companions> {
  const found: Record<string, CompanionStanding> = {};
  for (const [name, live] of Object.entries(indices))
    found[name] = await companionStanding(engine, name, live, object);
  return found;
}

async function fieldPlan(
  engine: Engine,
  index: string,
  indices: Readonly<Record<string, IndexBody>>,
  options: SetupOptions,
): Promise<Plan> {
  const wanted = engine.indexBody(options);
  const found = await engine.indexTemplates(index);
  const templates = templateChanges(index, found, wanted, options.object);
  const plans = Object.entries(indices).map(([name, live]) =>
    planOf(name, live, wanted, options.object, Object.keys(found).length > 0),
  );
  const isNew = !index.includes('*') && plans.length === 0;
  if (isNew) plans.push(creation(index, wanted));
  return {
    changes: [...plans.flatMap((plan) => plan.changes), ...templates, ...pipelineChanges(engine)],
    warnings: plans.flatMap((plan) => plan.warnings),
  };
}

function companionPlan(
  index: string,
  indices: Readonly<Record<string, IndexBody>>,
  companions: Companions,
  object: string,
): Plan {
  const changes = Object.entries(indices).flatMap(([name, live]): SetupChange[] => {
    const create: SetupChange = {
      ...{ what: 'create index', name: companionName(name, object), body: companionBody(name, live) },
    };
    if (companions[name] === 'there') return [];
    return companions[name] === 'absent' ? [create] : [deletion(name, object), create];
  });
  const isOne = Object.keys(indices).length === 1 && index in indices;
  const rule = JSON.stringify([{ indices: [index], store: 'companion' }]);
  return {
    changes,
    warnings: isOne
      ? []
      : [`Indices of ${index} that are made later get a companion with states.rules: ${rule}`],
  };
}

function cachePlan(indices: Readonly<Record<string, IndexBody>>, object: string): Plan {
  const prepared = Object.entries(indices).filter(([, { mappings }]) => hasStates(mappings, object));
  return {
    changes: [],
    warnings: prepared.map(
      ([name]) =>
        `${name} has the field ${object}.states, which a mapping cannot lose; it is used unless states.rules says: ${JSON.stringify([{ indices: [name], store: 'cache' }])}`,
    ),
  };
}

function deletion(index: string, object: string): SetupChange {
  return { what: 'delete index', name: companionName(index, object), body: null };
}

async function liveIndices(engine: Engine, index: string): Promise<Readonly<Record<string, IndexBody>>> {
  return (await engine.describeIndex(index)) === undefined ? {} : await engine.describeIndices(index);
}

type Plan = Pick<SetupReport, 'changes' | 'warnings'>;

/** An index of a data stream that cannot be completed is left as it is: the next one will be as it should. */
function planOf(index: string, live: IndexBody, wanted: IndexBody, object: string, hasNext: boolean): Plan {
  try {
    return completion(index, live, wanted, object);
  } catch (fault) {
    if (!hasNext || !(fault instanceof MiceError)) throw fault;
    return {
      changes: [],
      warnings: [`${fault.message} It stays as it is; the next index of the stream will have the fields.`],
    };
  }
}

function templateChanges(
  index: string,
  live: Readonly<Record<string, IndexTemplate>>,
  wanted: IndexBody,
  object: string,
): readonly SetupChange[] {
  const found = Object.entries(live);
  if (found.length === 0 && index.includes('*')) {
    const name = `mice-${index.replaceAll('*', 'any').replace(/[^a-z0-9_.-]+/gi, '-')}`;
    const body: IndexTemplate = { index_patterns: [index], priority: 100, template: wanted };
    return [{ what: 'put template', name, body }];
  }
  return found.flatMap(([name, before]) => {
    const body = { ...before, template: completedTemplate(name, before.template, wanted, object) };
    return isDeepStrictEqual(body, before) ? [] : [{ what: 'put template', name, body, before }];
  });
}

/** What the template says of other things stays; of our fields, what the bundle needs. */
function completedTemplate(
  name: string,
  before: Partial<IndexBody> | undefined,
  wanted: IndexBody,
  object: string,
): Partial<IndexBody> {
  const mappings = before?.mappings ?? {};
  const have = propertiesOf(mappings, object);
  expectFits(`the template ${name}`, have, propertiesOf(wanted.mappings, object), object);
  const source = mappings['_source'] as { excludes?: readonly string[] } | undefined;
  const excluded = (wanted.mappings['_source'] as { excludes: readonly string[] }).excludes;
  const excludes = [...new Set([...(source?.excludes ?? []), ...excluded])];
  const properties = mappings['properties'] as Record<string, object> | undefined;
  const all = { ...propertiesOf(wanted.mappings, object), ...have };
  const knn = wanted.settings['index'] !== undefined;
  return {
    ...before,
    ...(knn && { settings: { ...before?.settings, index: { ...indexSettings(before), knn: 'true' } } }),
    mappings: {
      ...mappings,
      _source: { ...source, excludes },
      properties: { ...properties, [object]: { ...properties?.[object], properties: all } },
    },
  };
}

function indexSettings(body: Partial<IndexBody> | undefined): object {
  return (body?.settings?.['index'] as object | undefined) ?? {};
}

function creation(index: string, wanted: IndexBody): Plan {
  return { changes: [{ what: 'create index', name: index, body: wanted }], warnings: [] };
}

function completion(index: string, live: IndexBody, wanted: IndexBody, object: string): Plan {
  const want = propertiesOf(wanted.mappings, object);
  const have = propertiesOf(live.mappings, object);
  expectFits(index, have, want, object);
  if (wanted.settings['index'] && !Object.keys(have).length && !isKnn(live)) throw notKnn(index);
  const missing = Object.fromEntries(Object.entries(want).filter(([field]) => !(field in have)));
  const warnings = [...otherwiseMapped(index, have, want, object)];
  const kept = ['vector', 'states'].map((field) => `${object}.${field}`);
  const shown = kept.filter((field) => !isExcluded(live, field, object));
  if (shown.length > 0)
    warnings.push(
      `_source of ${index} keeps ${shown.join(' and ')}: every answer carries them, and an index cannot change that later. --store companion leaves the index as it is.`,
    );
  const dropped = droppedIn(live.mappings);
  const isBack = dropped.includes(object);
  if (Object.keys(missing).length === 0 && !isBack) return { changes: [], warnings };
  const others = dropped.filter((other) => other !== object);
  const body = {
    ...(isBack && { _meta: metaWithDropped(live.mappings, others) }),
    properties: { [object]: { properties: missing } },
  };
  return { changes: [{ what: 'extend mapping', name: index, body }], warnings };
}

function pipelineChanges(engine: Engine): readonly SetupChange[] {
  if (!engine.capabilities.searchPipelines) return [];
  return Object.entries(engine.pipelines()).map(([name, body]) => ({ what: 'put pipeline', name, body }));
}

async function apply(engine: Engine, { what, name, body }: SetupChange): Promise<void> {
  if (what === 'create index') await engine.createIndex(name, body as IndexBody);
  else if (what === 'delete index') await engine.deleteIndex(name);
  else if (what === 'extend mapping') await engine.extendMapping(name, body as Record<string, unknown>);
  else if (what === 'put template') await engine.putIndexTemplate(name, body as IndexTemplate);
  else await engine.putPipeline(name, body as Record<string, unknown>);
}

function propertiesOf(mappings: Readonly<Record<string, unknown>>, object: string): Properties {
  const properties = mappings['properties'] as Record<string, { properties?: Properties }> | undefined;
  return properties?.[object]?.properties ?? {};
}

function isExcluded({ mappings }: IndexBody, field: string, object: string): boolean {
  const source = mappings['_source'] as { excludes?: readonly string[] } | undefined;
  return [field, `${object}.*`, object].some((name) => source?.excludes?.includes(name));
}

function isKnn({ settings }: IndexBody): boolean {
  return (settings['index'] as { knn?: unknown } | undefined)?.knn === 'true';
}

function notKnn(index: string): MiceError {
  return new MiceError(
    'index-mapping',
    `${index} was created without the setting index.knn, which cannot be added.`,
    {
      hint: 'Re-ranking works on it as it is, with states computed on first sight; for stored ones, use --store companion, or reindex into an index made by setup.',
    },
  );
}
