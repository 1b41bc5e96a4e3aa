/** Whether fields of ours that an index has already can hold what the bundle gives, and how they differ from new ones. */
import { MiceError } from '../errors.ts';

/** Members of fields in a mapping, by name. */
export type Properties = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Otherwise, writes would fail or answers be wrong; with what holds where neither side says. */
const decisive: Readonly<Record<string, string | undefined>> = {
  type: undefined,
  dims: undefined,
  dimension: undefined,
  similarity: undefined,
  'method.space_type': undefined,
  doc_values: undefined,
  index: undefined,
  element_type: 'float',
  data_type: 'float',
};

/** Otherwise, the cluster needs more or less memory, or finds neighbours more or less exactly. */
const tunable: Readonly<Record<string, string | undefined>> = {
  'method.name': undefined,
  'method.engine': undefined,
  'index_options.type': undefined,
  mode: 'in_memory',
  compression_level: '1x',
};

interface Difference {
  readonly field: string;
  readonly member: string;
  readonly live: string;
  readonly wanted: string;
}

/** @throws MiceError `index-mapping` at the first field that cannot hold what it is to */
export function expectFits(name: string, have: Properties, want: Properties, object: string): void {
  const [first] = differences(have, want, object, decisive);
  if (!first) return;
  const { field, member } = first;
  throw new MiceError('index-mapping', `${name} maps ${field} with another ${member}.`, {
    hint: `The bundle needs ${first.wanted}, and it is ${first.live}. A mapped field cannot be changed: index anew, or set fields.object to a free name.`,
  });
}

/** What a new index would have otherwise, in words. */
export function otherwiseMapped(
  name: string,
  have: Properties,
  want: Properties,
  object: string,
): readonly string[] {
  return differences(have, want, object, tunable).map(
    ({ field, member, live, wanted }) =>
      `${name} maps ${field} with ${member} ${live}, where a new index would have ${wanted}. It is used as it is: a mapped field cannot be changed.`,
  );
}

/**
 * Those of the fields themselves, then those of the fields within them. Engines add defaults to what they were told, so
 * members that `want` leaves out do not count.
 */
function differences(
  have: Properties,
  want: Properties,
  parent: string,
  members: Readonly<Record<string, string | undefined>>,
): readonly Difference[] {
  const common = Object.keys(have).flatMap((name) => {
    const [live, wanted] = [have[name]!, want[name]];
    return wanted ? [{ field: `${parent}.${name}`, live, wanted }] : [];
  });
  const own = common.flatMap(({ field, live, wanted }) =>
    Object.entries(members).flatMap(([member, usual]): readonly Difference[] => {
      const [is, should] = [at(live, member), at(wanted, member) ?? usual];
      if (is === undefined || should === undefined || is === should) return [];
      return [{ field, member, live: is, wanted: should }];
    }),
  );
  const inner = common.flatMap(({ field, live, wanted }) =>
    differences(propertiesIn(live), propertiesIn(wanted), field, members),
  );
  return [...own, ...inner];
}

/** The value at a dotted path, as text. */
function at(mapping: Readonly<Record<string, unknown>>, path: string): string | undefined {
  let value: unknown = mapping;
  for (const name of path.split('.'))
    value = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  return value === undefined ? undefined : String(value);
}

function propertiesIn(mapping: Readonly<Record<string, unknown>>): Properties {
  return (mapping['properties'] ?? {}) as Properties;
}
