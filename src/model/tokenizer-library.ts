/** What is used of the tokenizer library, whose own declarations do not resolve under `nodenext`. */
import { Tokenizer } from '@huggingface/tokenizers';

export interface TokenizerLibrary {
  readonly model: {
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    /** Words, as the pre-tokenizer split them, to tokens; it may be replaced. */
    encode(words: string[]): string[];
  };
  /** Puts the special tokens around one text, or around two. */
  readonly post_processor: {
    post_process(
      first: readonly string[],
      second: readonly string[] | null,
      specials: boolean,
    ): { readonly tokens: readonly string[]; readonly token_type_ids?: readonly number[] };
  } | null;
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean },
  ): { readonly ids: readonly number[] };
  token_to_id(token: string): number | undefined;
}

/** @throws when `content` is not what a tokenizer.json holds */
export function openLibrary(content: object): TokenizerLibrary {
  return new Tokenizer(content, {}) as unknown as TokenizerLibrary;
}
