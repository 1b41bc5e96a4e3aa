/** Writes of every kind, generated: what a client may send, and what a client should not. JSON as text, so that nothing is lost. */
import fc from 'fast-check';

/** One request. `INDEX` and `ALIAS` stand for names, `SEQ[id]` for the number of the last change of a document. */
export interface WriteRequest {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body: string | undefined;
  /** Documents that it writes. */
  readonly operations: number;
}

const ids = [
  ...Array.from({ length: 24 }, (_, at) => `d${at}`),
  ...['a b', 'ü', '漢字', 'a/b', '%2F', '+', 'say "x"', 'back\\slash', '😀', 'null', "it's", '-1', '#?&='],
  'x'.repeat(512),
];
const id = fc.constantFrom(...ids);
const words = fc.constantFrom(
  ...['ice moves downhill', 'rock', 'melt water\nruns', 'Löss, 黄土', '<b>bold</b>', 'tab\there', '', '   '],
);
const text = words.map((word) => JSON.stringify(word));
const numbers = fc.constantFrom(
  ...[
    '9223372036854775807',
    '-0',
    '1.0',
    '1E5',
    '0.1e-3',
    '123456789012345678901234567890',
    '9007199254740993',
  ],
);
const integer = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('"7"', 'null', '"seven"', '99999999999', '{"no":1}') },
);
const member = fc.oneof(
  fc.tuple(fc.constant('text'), fc.oneof(text, text, fc.constantFrom('null', '["a","b"]', '{"x":1}'))),
  fc.tuple(fc.constant('title'), text),
  fc.tuple(fc.constant('n'), integer),
  fc.tuple(
    fc.constant('raw'),
    numbers.map((number) => `{"big":${number},"list":[${number},null]}`),
  ),
  fc.tuple(fc.constant('tags'), fc.constantFrom('[]', '["x","y"]', '"x"')),
);
/** Copied along from elsewhere. */
const foreign = fc.tuple(fc.constant('mice'), fc.constantFrom('{"hash":"of another"}', '{}', 'null'));
const separator = fc.constantFrom(',', ', ', ' ,');
const objectOf = (members: fc.Arbitrary<readonly [string, string]>) =>
  fc.tuple(fc.array(members, { maxLength: 5 }), separator, fc.boolean()).map(([all, between, duplicates]) => {
    const kept = duplicates && all.length > 3 ? all : [...new Map(all)];
    return `{${kept.map(([key, value]) => `"${key}":${value}`).join(between)}}`;
  });
const broken = fc.constantFrom('{"text":', '[1]', '{"text":"a"', '"text"', '{"text":"a","text":"b"}', '{}}');
const sourceOf = (object: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 30, arbitrary: object }, { weight: 1, arbitrary: broken });
const document = sourceOf(
  objectOf(fc.oneof({ weight: 9, arbitrary: member }, { weight: 1, arbitrary: foreign })),
);
const source = sourceOf(objectOf(member));

const script = fc
  .constantFrom('ctx._source.n = 2', "ctx._source.text = 'by script'", "ctx.op = 'none'", "ctx.op = 'delete'")
  .map((line) => `"script":{"source":${JSON.stringify(line)}}`);
const change = fc
  .oneof(
    { weight: 4, arbitrary: source.map((doc) => [`"doc":${doc}`]) },
    { weight: 2, arbitrary: source.map((doc) => [`"doc":${doc}`, '"doc_as_upsert":true']) },
    {
      weight: 2,
      arbitrary: fc.tuple(source, source).map(([doc, made]) => [`"doc":${doc}`, `"upsert":${made}`]),
    },
    { weight: 1, arbitrary: source.map((doc) => [`"doc":${doc}`, '"detect_noop":false']) },
    { weight: 1, arbitrary: source.map((doc) => [`"doc":${doc}`, '"_source":true']) },
    { weight: 1, arbitrary: script.map((line) => [line]) },
    { weight: 1, arbitrary: fc.tuple(script, source).map(([line, made]) => [line, `"upsert":${made}`]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(script, source)
        .map(([line, made]) => [line, `"upsert":${made}`, '"scripted_upsert":true']),
    },
    { weight: 1, arbitrary: fc.constantFrom(['"doc":1'], ['"unknown":{}'], []) },
  )
  .map((members) => `{${members.join(',')}}`);

/** What stands beside the id in an action, and in a URL. */
const versions = (name: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constant({ if_seq_no: `SEQ[${name}]`, if_primary_term: '1' }) },
    { weight: 1, arbitrary: fc.constant({ if_seq_no: '3', if_primary_term: '1' }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 30 }).map((version) => ({
        version: String(version),
        version_type: 'external',
      })),
    },
    { weight: 1, arbitrary: fc.constantFrom({ routing: 'r' }, { routing: 'länder/1' }) },
    { weight: 1, arbitrary: fc.constant({ require_alias: 'true' }) },
  ) as fc.Arbitrary<Readonly<Record<string, string>>>;

/** Numbers and booleans stand without quotes in an action. */
const literal = (value: string) => (/^(?:\d+|true|SEQ\[.*\])$/s.test(value) ? value : JSON.stringify(value));

const item = fc
  .tuple(
    fc.constantFrom('index', 'index', 'create', 'update', 'update', 'delete'),
    fc.option(id, { freq: 20 }),
  )
  .chain(([action, name]) => {
    const body = action === 'update' ? change : action === 'delete' ? fc.constant(undefined) : document;
    const index = fc.constantFrom(undefined, undefined, undefined, 'ALIAS', 'INDEX', 'INDEX-absent');
    return fc.tuple(fc.constant([action, name] as const), versions(name ?? ''), index, body);
  })
  .map(([[action, name], version, index, body]) => {
    const members = [
      ...(index === undefined ? [] : [`"_index":"${index}"`]),
      ...(name === null ? [] : [`"_id":${JSON.stringify(name)}`]),
      ...Object.entries(version).map(([key, value]) => `"${key}":${literal(value)}`),
    ];
    return `{"${action}":{${members.join(',')}}}\n${body === undefined ? '' : `${body}\n`}`;
  });

const bulkParameters = fc.constantFrom(
  ...[
    '',
    '',
    '',
    '',
    '?refresh=true',
    '?routing=r',
    '?_source=true',
    '?require_alias=true',
    '?_source_includes=n',
  ],
);
const bulk: fc.Arbitrary<WriteRequest> = fc
  .tuple(fc.array(item, { minLength: 1, maxLength: 12 }), bulkParameters, fc.constantFrom('INDEX', 'ALIAS'))
  .map(([items, parameters, target]) => ({
    ...{ method: 'POST', path: `/${target}/_bulk${parameters}`, body: items.join('') },
    operations: items.length,
  }));

const single: fc.Arbitrary<WriteRequest> = fc
  .tuple(
    fc.constantFrom('_doc', '_doc', '_create', '_update', 'DELETE'),
    id,
    fc.constantFrom('INDEX', 'ALIAS'),
  )
  .chain(([kind, name, target]) =>
    fc
      .tuple(
        kind === '_update' ? change : document,
        versions(name),
        fc.constantFrom({}, {}, { refresh: 'true' }),
      )
      .map(([body, version, refresh]) => {
        const query = new URLSearchParams({ ...version, ...refresh }).toString();
        const deletes = kind === 'DELETE';
        const path = `/${target}/${deletes ? '_doc' : kind}/${encodeURIComponent(name)}${query && `?${query}`}`;
        const method = deletes ? 'DELETE' : kind === '_update' ? 'POST' : 'PUT';
        return { method, path, body: deletes ? undefined : body, operations: 1 } as const;
      }),
  );

/** Requests with at least so many operations in all. */
export function writeRequests(operations: number, seed: number): readonly WriteRequest[] {
  const arbitrary = fc.oneof({ weight: 2, arbitrary: bulk }, { weight: 1, arbitrary: single });
  const sample = fc.sample(arbitrary, { seed, numRuns: operations });
  let left = operations;
  return sample.filter(({ operations: own }) => {
    const wanted = left > 0;
    left -= own;
    return wanted;
  });
}
