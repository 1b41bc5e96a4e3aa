/**
 * What a caller may set for one search: an allow-list with types, by header or by the body's `ext.mice`.
 * No URL, path or code is among them. Both forms are taken out before the cluster sees the request.
 */
import { z } from 'zod';
import { type FirstStageKind, firstStageKinds } from '../config/index-rules.ts';
import { MiceError } from '../errors.ts';

export interface Controls {
  readonly mode?: 'on' | 'off' | 'shadow' | undefined;
  /** Hits to re-rank. */
  readonly window?: number | undefined;
  /** The question in words, instead of the one found in the query. */
  readonly query?: string | undefined;
  /** Fields to read texts from when a document has to be encoded on sight. */
  readonly fields?: readonly string[] | undefined;
  readonly deadlineMs?: number | undefined;
  /** Adds `server-timing` to the answer. */
  readonly explain?: boolean | undefined;
  /** Decides about the share of traffic: the same text always falls on the same side. */
  readonly bucket?: string | undefined;
  /** Where the candidates come from. */
  readonly firstStage?: FirstStageKind | undefined;
}

interface Control {
  readonly key: keyof Controls;
  readonly header: string;
  /** Key in `ext.mice`. */
  readonly name: string;
  readonly schema: z.ZodType;
  readonly accepts: string;
}

const fieldList = z.union([
  z.array(z.string().min(1)).min(1),
  z.string().transform((text) => text.split(',')),
]);
const toggle = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

export const controls: readonly Control[] = [
  {
    key: 'mode',
    header: 'x-mice',
    name: 'mode',
    schema: z.enum(['on', 'off', 'shadow']),
    accepts: 'on, off or shadow',
  },
  {
    key: 'window',
    header: 'x-mice-window',
    name: 'window',
    schema: z.coerce.number().int().min(1).max(10_000),
    accepts: '1 to 10000 hits',
  },
  {
    key: 'query',
    header: 'x-mice-query',
    name: 'query',
    schema: z.string().min(1),
    accepts: 'a text; percent-encoded UTF-8 in the header',
  },
  { key: 'fields', header: 'x-mice-fields', name: 'fields', schema: fieldList, accepts: 'field names' },
  {
    key: 'deadlineMs',
    header: 'x-mice-deadline',
    name: 'deadline',
    schema: z.coerce.number().int().min(1).max(600_000),
    accepts: '1 to 600000 ms',
  },
  { key: 'explain', header: 'x-mice-explain', name: 'explain', schema: toggle, accepts: 'true or false' },
  {
    key: 'bucket',
    header: 'x-mice-bucket',
    name: 'bucket',
    schema: z.string().min(1),
    accepts: 'a text, e.g. a user or session, that decides about rerank.share; the question unless set',
  },
  {
    key: 'firstStage',
    header: 'x-mice-first-stage',
    name: 'first_stage',
    schema: z.enum(firstStageKinds),
    accepts: 'as-sent, vector or hybrid',
  },
];

/** Header names that are ours and never reach the cluster. */
export const controlHeaders: ReadonlySet<string> = new Set(controls.map(({ header }) => header));

/** @throws MiceError `bad-option` naming the header and what it accepts */
export function controlsOfHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Controls {
  const given = controls.flatMap((control) => {
    const value = headers[control.header];
    if (value === undefined) return [];
    const text = typeof value === 'string' ? value : value.join(',');
    return [[control.key, accept(control, decoded(control, text), `Header ${control.header}`)]];
  });
  return Object.fromEntries(given);
}

/** @throws MiceError `bad-option` naming the key and what it accepts */
export function controlsOfBody(ext: unknown): Controls {
  if (ext === undefined) return {};
  if (typeof ext !== 'object' || ext === null || Array.isArray(ext)) throw notAnObject();
  const given = Object.entries(ext).map(([name, value]) => {
    const control = controls.find((candidate) => candidate.name === name);
    if (control === undefined) {
      throw new MiceError('bad-option', `ext.mice has no key ${JSON.stringify(name)}.`, {
        hint: `Accepted: ${controls.map((candidate) => candidate.name).join(', ')}.`,
      });
    }
    return [control.key, accept(control, value, `ext.mice.${name}`)];
  });
  return Object.fromEntries(given);
}

function accept(control: Control, value: unknown, origin: string): unknown {
  const parsed = control.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new MiceError('bad-option', `${origin} does not accept ${JSON.stringify(value).slice(0, 80)}.`, {
    hint: `Accepted: ${control.accepts}.`,
  });
}

function decoded({ key, header }: Control, value: string): string {
  if (key !== 'query') return value;
  try {
    return decodeURIComponent(value);
  } catch {
    throw new MiceError('bad-option', `Header ${header} is not percent-encoded UTF-8.`);
  }
}

function notAnObject(): MiceError {
  return new MiceError('bad-option', 'ext.mice is not an object.', {
    hint: `Accepted keys: ${controls.map(({ name }) => name).join(', ')}.`,
  });
}
