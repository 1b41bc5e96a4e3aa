/** The body of `_reindex`, so that copies do not hold half of our object: what is in `_source` is not all of it. */
import { edited } from '../json/edits.ts';
import { membersOf, skipSpace } from '../json/spans.ts';
import { withExcludes } from './update.ts';

/**
 * The same bytes where nothing is to be changed: no object, a remote source, or a filter of another shape. The
 * destination's mapping would otherwise guess the types of what came along.
 */
export function withoutFieldsInReindex(body: Buffer, object: string): Buffer {
  try {
    const source = membersOf(body, skipSpace(body, 0)).find(({ key }) => key === 'source');
    if (!source || body[source.value.start] !== 0x7b) return body;
    const members = membersOf(body, source.value.start);
    if (members.some(({ key }) => key === 'remote')) return body;
    const filter = members.find(({ key }) => key === '_source');
    const given: unknown = filter
      ? JSON.parse(body.toString('utf8', filter.value.start, filter.value.end))
      : true;
    const wanted = withExcludes(given, [object]);
    if (wanted === undefined) return body;
    const bytes = JSON.stringify(wanted);
    if (filter) return edited(body, [{ span: filter.value, bytes }]);
    const at = source.value.start + 1;
    const separator = members.length > 0 ? ',' : '';
    return edited(body, [{ span: { start: at, end: at }, bytes: `"_source":${bytes}${separator}` }]);
  } catch {
    return body;
  }
}
