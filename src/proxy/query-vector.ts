/** The vectors of queries, for searches by vector. */
import type { ComputeOptions, QueryVector } from '../model/model.ts';
import type { Exchange } from './exchange.ts';
import type { Services } from './services.ts';
import { vectorTextsIn, withVectors } from './vector-texts.ts';

type Encoding = Pick<Services, 'model' | 'settings'>;

/** By the encoder that `vectors.encoder` names. */
export function queryVector(
  { model, settings }: Encoding,
  text: string,
  options: ComputeOptions,
): Promise<QueryVector> {
  const isFast = settings.vectorsEncoder === 'fast' && model.bundle.graphs['query-fast'] !== undefined;
  return isFast ? model.encodeQueryFast(text, options) : model.encodeQuery(text, options);
}

/** Puts vectors in place of the texts of a body's `knn` clauses. */
export interface Vectorizer {
  /**
   * The very same bytes where there are none.
   * @throws MiceError `bad-query-text`, or what the model failed with: without the vector there is no search
   */
  of(body: Buffer): Promise<Buffer>;
}

/** For the bodies of one request: each text is encoded once. */
export function openVectorizer(
  services: Encoding & Pick<Services, 'engine'>,
  exchange: Exchange,
): Vectorizer {
  const clause = services.engine.vectorClause;
  const coming = new Map<string, Promise<QueryVector>>();
  const vectorOf = (text: string) => {
    const known =
      coming.get(text) ?? queryVector(services, text, { priority: 'search', signal: exchange.signal });
    coming.set(text, known);
    return known;
  };
  return {
    async of(body) {
      const texts = vectorTextsIn(body, clause);
      if (texts.length === 0) return body;
      const encoded = await Promise.all(texts.map(({ text }) => vectorOf(text)));
      return withVectors(
        body,
        texts,
        encoded.map(({ vector }) => vector),
        clause,
      );
    },
  };
}
