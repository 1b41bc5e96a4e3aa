/** The action line of a bulk item. */
import { membersOf, type Span, skipSpace, stringAt } from '../json/spans.ts';
import type { WriteAction } from './enrich.ts';

export interface BulkAction {
  readonly action: WriteAction;
  /** Undefined where neither the line nor the path names one. */
  readonly index: string | undefined;
  readonly id: string | undefined;
  readonly routing: string | undefined;
  readonly pipeline: string | undefined;
}

const actions: readonly string[] = ['index', 'create', 'update', 'delete'];

/** Undefined when the line is no known action. */
export function readAction(line: Buffer, pathIndex: string | undefined): BulkAction | undefined {
  try {
    const [sole, ...others] = membersOf(line, skipSpace(line, 0));
    if (!sole || others.length > 0 || !actions.includes(sole.key)) return undefined;
    if (skipSpace(line, line.indexOf('}', sole.value.end) + 1) !== line.length) return undefined;
    const meta = membersOf(line, sole.value.start);
    const text = (name: string) => {
      const member = meta.findLast(({ key }) => key === name);
      return member && textAt(line, member.value);
    };
    const id = text('_id');
    return {
      action: sole.key as WriteAction,
      index: text('_index') ?? pathIndex,
      id: id === '' ? undefined : id,
      routing: text('routing') ?? text('_routing'),
      pipeline: text('pipeline'),
    };
  } catch {
    return undefined;
  }
}

/** A number as it is written: an id may be longer than JavaScript's numbers. */
function textAt(bytes: Buffer, span: Span): string | undefined {
  const string = stringAt(bytes, span);
  if (string !== undefined) return string;
  const literal = bytes.toString('latin1', span.start, span.end);
  return /^-?\d/.test(literal) ? literal : undefined;
}
