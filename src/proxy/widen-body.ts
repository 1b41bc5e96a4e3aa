/** Asks for the window in a search body, by bytes: all but the page and the list of doc-value fields stays. */
import { cutsOf, elementsOf, membersOf, NotJson, skipSpace, without } from '../json/spans.ts';

/**
 * The body with `from` 0 and `size` `hits`, and `statesField` among its doc-value fields. Undefined where those
 * are no list, which the cluster refuses.
 * @param body a JSON object, or nothing
 */
export function widenBody(body: Buffer, hits: number, statesField: string | undefined): Buffer | undefined {
  const object = skipSpace(body, 0) === body.length ? Buffer.from('{}') : body;
  const start = skipSpace(object, 0);
  const members = membersOf(object, start);
  const rest = without(
    object,
    cutsOf(
      members,
      members.filter(({ key }) => key === 'from' || key === 'size'),
    ),
  );
  const page = `"from":0,"size":${hits}`;
  if (statesField === undefined) return insert(rest, start, page, hasMembers(rest, start));
  const states = JSON.stringify(statesField);
  const listed = membersOf(rest, start).findLast(({ key }) => key === 'docvalue_fields');
  if (listed === undefined)
    return insert(rest, start, `${page},"docvalue_fields":[${states}]`, hasMembers(rest, start));
  try {
    const isEmpty = elementsOf(rest, listed.value.start).length === 0;
    return insert(insert(rest, listed.value.start, states, !isEmpty), start, page, true);
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

const hasMembers = (object: Buffer, start: number) => membersOf(object, start).length > 0;

/** `text` as the first of what is in the object or list that opens at `open`. */
function insert(bytes: Buffer, open: number, text: string, others: boolean): Buffer {
  const first = Buffer.from(others ? `${text},` : text);
  return Buffer.concat([bytes.subarray(0, open + 1), first, bytes.subarray(open + 1)]);
}
