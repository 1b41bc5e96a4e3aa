/** Which store an index has: what the rules say, or else what there is. */
import { LRUCache } from 'lru-cache';
import { type StatesRule, type StoreName, statesRuleFor } from '../../config/index-rules.ts';
import type { Engine, IndexBody } from '../../engine/port.ts';
import { MiceError } from '../../errors.ts';
import { writtenName } from '../text.ts';
import { companionStore, companionsIn, ensureCompanion } from './companion.ts';
import { fieldStore } from './field.ts';
import { hasStates, objectsIn } from './object.ts';
import type { StatesStore, StoreNeeds } from './store.ts';

/** What was found once holds for a while; an index without any store may be set up at any moment. */
const KNOWN_MS = 60_000;
const UNKNOWN_MS = 1_000;

export interface Placing {
  /** By any name that is written to, index, alias or data stream; remembered for a while. Never throws. */
  of(index: string): Promise<StoreName>;
  /** By the name of an index that there is, at once: by the rules, and by the companions that were there lately. */
  ofHit(index: string): StoreName;
  /** Whether the cluster may change a document of this index before it stores it: the index has an ingest pipeline. */
  rewrites(index: string): boolean;
  /**
   * To read and write what an index's documents have; a companion that the rules ask for is made.
   * @param trusting as of {@link companionStore}
   * @throws MiceError `index-mapping` where it keeps states in the service only
   */
  storeOf(index: string, needs: StoreNeeds, trusting?: boolean): Promise<StatesStore>;
  /** Whether any index has a companion, or may get one. */
  readonly usesCompanions: boolean;
  /** Looks anew for companions. */
  refresh(): Promise<void>;
  close(): void;
}

export interface PlacingOptions {
  readonly engine: Engine;
  /** Name of the object that holds our fields. */
  readonly object: string;
  readonly rules: readonly StatesRule[];
  /** Told when the cluster does not say; an index then counts as without a store. */
  readonly onFault: (error: unknown) => void;
}

/** With the service's own credentials. */
export function openPlacing({ engine, object, rules, onFault }: PlacingOptions): Placing {
  const known = new LRUCache<string, Promise<StoreName>>({ max: 10_000 });
  const made = new LRUCache<string, Promise<void>>({ max: 10_000, ttl: KNOWN_MS });
  let companions: ReadonlySet<string> = new Set();
  /** Undefined where the cluster does not say: then any index may have one. */
  let pipelined: ReadonlySet<string> | undefined = new Set();
  const ruled = (index: string) => statesRuleFor(rules, writtenName(index))?.store;

  async function find(index: string): Promise<StoreName> {
    const rule = ruled(index);
    if (rule === 'companion' || rule === 'cache') return rule;
    const live = (await engine.describeIndex(index)) && (await engine.describeIndices(index));
    const [name, body] = Object.entries(live ?? {}).at(-1) ?? [];
    if (name !== undefined && hasPipeline(body?.settings))
      pipelined = pipelined && new Set([...pipelined, name]);
    if (rule === undefined && name !== undefined && companions.has(name)) return 'companion';
    // A first write makes the index, as its template says.
    const { mappings } = body ?? (await engine.describeNewIndex(index)) ?? {};
    return mappings && hasStates(mappings, object) ? 'field' : 'cache';
  }

  const placing: Placing = {
    of(index) {
      const remembered = known.get(index);
      if (remembered) return remembered;
      const asked = find(index).catch((error: unknown) => {
        onFault(error);
        return 'cache' as const;
      });
      known.set(index, asked, { ttl: UNKNOWN_MS });
      void asked.then((store) => known.set(index, asked, { ttl: store === 'cache' ? UNKNOWN_MS : KNOWN_MS }));
      return asked;
    },
    ofHit: (index) => ruled(index) ?? (companions.has(index) ? 'companion' : 'field'),
    rewrites: (index) => pipelined?.has(index) ?? true,
    async storeOf(index, needs, trusting = false) {
      const { [index]: live } = await engine.describeIndices(index);
      const store = ruled(index) ?? (companions.has(index) ? 'companion' : 'field');
      if (store === 'companion' && live) {
        const ensured = made.get(index) ?? ensureCompanion(engine, index, live, object);
        // Not again where it is known: a companion in use is to be looked at now and then, too.
        if (!made.has(index)) made.set(index, ensured);
        await ensured.catch((error: unknown) => {
          made.delete(index);
          throw error;
        });
        companions = new Set([...companions, index]);
        return companionStore(index, needs, trusting);
      }
      expectField(index, store, live, object);
      const others = objectsIn(live?.mappings ?? {}).filter((other) => other !== object);
      return fieldStore(needs, others);
    },
    get usesCompanions() {
      return companions.size > 0 || rules.some(({ store }) => store === 'companion');
    },
    async refresh() {
      try {
        companions = await companionsIn(engine, object);
        known.clear();
      } catch (error) {
        onFault(error);
      }
      pipelined = await pipelinedIn(engine);
    },
    close: () => clearInterval(looking),
  };
  const looking = setInterval(() => void placing.refresh(), KNOWN_MS).unref();
  return placing;
}

/** Names of the indices that have an ingest pipeline of their own; undefined where the cluster does not say. */
async function pipelinedIn(engine: Engine): Promise<ReadonlySet<string> | undefined> {
  const path = '/_all/_settings/index.default_pipeline,index.final_pipeline';
  const asked = engine.ask({ method: 'GET', path, query: { expand_wildcards: 'all' } });
  const { status, body } = await asked.catch(() => ({ status: 0, body: undefined }));
  if (status === 404) return new Set();
  if (status !== 200) return undefined;
  const found = Object.entries((body ?? {}) as Readonly<Record<string, Partial<IndexBody>>>);
  return new Set(found.filter(([, { settings }]) => hasPipeline(settings)).map(([name]) => name));
}

function hasPipeline(settings: IndexBody['settings'] | undefined): boolean {
  const index = (settings?.['index'] ?? {}) as Readonly<Record<string, unknown>>;
  return [index['default_pipeline'], index['final_pipeline']].some(
    (name) => name !== undefined && name !== '_none',
  );
}

function expectField(index: string, store: StoreName, live: IndexBody | undefined, object: string): void {
  if (store !== 'cache' && live && hasStates(live.mappings, object)) return;
  if (store === 'cache') {
    throw new MiceError('index-mapping', `The states of ${index} are kept in the service only.`, {
      hint: 'states.rules says so.',
    });
  }
  throw new MiceError('index-mapping', `${index} has no field ${object}.states, and no companion.`, {
    hint: `Run mice setup ${index} first.`,
  });
}
