/** The special tokens around a text or a pair of texts, where the post-processor of tokenizer.json puts them. */
import type { TokenizerLibrary } from './tokenizer-library.ts';

type Place =
  | { readonly kind: 'special'; readonly id: number; readonly type: number }
  | { readonly kind: 'text'; readonly index: number; readonly type: number };

export interface Frame {
  readonly places: readonly Place[];
  /** How many special tokens there are. */
  readonly specials: number;
}

/** Stand-ins for texts; no vocabulary has tokens that begin with NUL. */
const TEXTS = ['\0first', '\0second'];

/** The frame of one text, e.g. `[CLS] text [SEP]`. @throws when the file has none */
export function singleFrame(library: TokenizerLibrary): Frame {
  return frameOf(library, TEXTS.slice(0, 1));
}

/** The frame of two texts, e.g. `[CLS] first [SEP] second [SEP]`. @throws when the file has none */
export function pairFrame(library: TokenizerLibrary): Frame {
  return frameOf(library, TEXTS);
}

function frameOf(library: TokenizerLibrary, texts: readonly string[]): Frame {
  const [first, second] = texts;
  const processed = library.post_processor?.post_process(
    [first!],
    second === undefined ? null : [second],
    true,
  );
  const places = (processed?.tokens ?? []).map((token, at) =>
    placeOf(library, token, processed!.token_type_ids?.[at] ?? 0),
  );
  const specials = places.filter(({ kind }) => kind === 'special').length;
  if (specials === 0 || places.length - specials !== texts.length) {
    const shape = second === undefined ? 'one text' : 'two texts';
    throw new Error(`its post_processor puts no special tokens around ${shape}, as [CLS] and [SEP] are`);
  }
  return { places, specials };
}

function placeOf(library: TokenizerLibrary, token: string, type: number): Place {
  const index = TEXTS.indexOf(token);
  if (index >= 0) return { kind: 'text', index, type };
  const id = library.token_to_id(token);
  if (id === undefined) throw new Error(`its post_processor names ${token}, which is no token of it`);
  return { kind: 'special', id, type };
}

/** Texts within their frame, and the type of each token. */
export function framed(
  { places }: Frame,
  texts: readonly (readonly number[])[],
): { readonly ids: readonly number[]; readonly types: readonly number[] } {
  const ids: number[] = [];
  const types: number[] = [];
  for (const place of places) {
    const tokens = place.kind === 'special' ? [place.id] : texts[place.index]!;
    for (const id of tokens) {
      ids.push(id);
      types.push(place.type);
    }
  }
  return { ids, types };
}
