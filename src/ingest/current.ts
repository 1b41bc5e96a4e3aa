/** Documents as they are now: what a partial update changes. */
import { elementsOf, endOfValue, membersOf, skipSpace } from '../json/spans.ts';

export interface DocumentKey {
  readonly index: string;
  readonly id: string;
  readonly routing: string | undefined;
}

/** A source as it is stored; `absent` where there is no such document, undefined where the cluster does not say. */
export type Current = Buffer | 'absent' | undefined;

/** Asks for bytes: a source is compared number by number. Undefined where the cluster does not answer with 200. */
export type AskBytes = (path: string, body: unknown) => Promise<Buffer | undefined>;

/** Documents of one request: their sources are held at a time. */
const AT_ONCE = 64;

/** In the order of `keys`, read in real time. */
export async function currentSources(
  keys: readonly DocumentKey[],
  ask: AskBytes,
): Promise<readonly Current[]> {
  const found: Current[] = [];
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const part = keys.slice(at, at + AT_ONCE);
    const docs = part.map(({ index, id, routing }) => ({
      _index: index,
      _id: id,
      ...(routing !== undefined && { routing }),
    }));
    const answer = await ask('/_mget', { docs });
    const read = answer === undefined ? [] : readDocs(answer);
    part.forEach((_, place) => {
      found.push(read[place]);
    });
  }
  return found;
}

function readDocs(answer: Buffer): readonly Current[] {
  try {
    const docs = membersOf(answer, skipSpace(answer, 0)).find(({ key }) => key === 'docs');
    if (!docs) return [];
    return elementsOf(answer, docs.value.start).map(({ start }) => readDoc(answer, start));
  } catch {
    return [];
  }
}

function readDoc(answer: Buffer, start: number): Current {
  const members = membersOf(answer, start);
  const value = (name: string) => members.find(({ key }) => key === name)?.value;
  if (value('error')) return undefined;
  const found = value('found');
  const source = value('_source');
  if (source && answer[source.start] === 0x7b) {
    // A copy: the answer of many documents is not held for one of them.
    return Buffer.from(answer.subarray(source.start, endOfValue(answer, source.start)));
  }
  return found && answer.toString('latin1', found.start, found.end) === 'false' ? 'absent' : undefined;
}
