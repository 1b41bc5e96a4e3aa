/** Search templates: what a rendered one stands for as a plain search. Pure. */
import { cutsOf, membersOf, NotJson, skipSpace, without } from '../json/spans.ts';
import { parseTarget, printTarget, withoutParameters } from './target.ts';

/** Parameters of a search's source: the engines put the rendered template in their place. */
const sourceParameters = [
  '_source',
  '_source_excludes',
  '_source_includes',
  'analyze_wildcard',
  'analyzer',
  'default_operator',
  'df',
  'docvalue_fields',
  'explain',
  'from',
  'indices_boost',
  'lenient',
  'q',
  'seq_no_primary_term',
  'size',
  'sort',
  'source',
  'source_content_type',
  'stats',
  'stored_fields',
  'suggest_field',
  'suggest_mode',
  'suggest_size',
  'suggest_text',
  'terminate_after',
  'timeout',
  'track_scores',
  'track_total_hits',
  'version',
] as const;

/** `/i/_search/template?…` as `/i/_search?…`, and alike for several searches. */
export function plainTarget(target: string): string {
  const { path, parameters } = withoutParameters(parseTarget(target), sourceParameters);
  return printTarget({ path: path.replace(/\/template\/?$/, ''), parameters });
}

/**
 * The search that a rendered template stands for: `explain` and `profile` are those of the request, whatever the
 * template says (TransportSearchTemplateAction).
 * @param answer of `_render/template`
 * @param request of the template
 * @throws NotJson where the answer holds no rendered object
 */
export function searchOf(answer: Buffer, request: Readonly<Record<string, unknown>>): Buffer {
  const output = membersOf(answer, skipSpace(answer, 0)).findLast(({ key }) => key === 'template_output');
  if (output === undefined) throw new NotJson(0);
  const rendered = answer.subarray(output.value.start, output.value.end);
  const members = membersOf(rendered, 0);
  const flags = ['explain', 'profile'] as const;
  const rest = without(
    rendered,
    cutsOf(
      members,
      members.filter(({ key }) => flags.some((flag) => flag === key)),
    ),
  );
  const set = flags.filter((flag) => request[flag] === true).map((flag) => `"${flag}":true`);
  if (set.length === 0) return rest;
  const comma = membersOf(rest, 0).length > 0 ? ',' : '';
  return Buffer.concat([Buffer.from(`{${set.join(',')}${comma}`), rest.subarray(1)]);
}
