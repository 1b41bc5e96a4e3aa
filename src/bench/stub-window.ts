/** What a stub of a cluster answers a search with. */

export interface WindowDocument {
  readonly id: string;
  readonly text: string;
  /** Doc values by field. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Path and query string of a search → its answer, which finds every document; made once for what is asked of each. */
export function openStubWindow(documents: readonly WindowDocument[]): (url: string) => Buffer {
  const made = new Map<string, Buffer>();
  return (url) => {
    const asked = new URL(url, 'http://stub').searchParams.get('docvalue_fields') ?? '';
    const answer = made.get(asked) ?? Buffer.from(JSON.stringify(found(documents, asked.split(','))));
    made.set(asked, answer);
    return answer;
  };
}

function found(documents: readonly WindowDocument[], asked: readonly string[]) {
  const hits = documents.map(({ id, text, fields }, at) => {
    const values = Object.entries(fields).flatMap(([name, value]) =>
      asked.includes(name) ? [[name, [value]]] : [],
    );
    return {
      ...{ _index: 'window', _id: id, _score: documents.length - at, _source: { text } },
      ...(values.length > 0 && { fields: Object.fromEntries(values) }),
    };
  });
  const total = { value: hits.length, relation: 'eq' };
  const shards = { total: 1, successful: 1, skipped: 0, failed: 0 };
  return { took: 1, timed_out: false, _shards: shards, hits: { total, max_score: hits.length, hits } };
}
