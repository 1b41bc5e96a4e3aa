/** `mice-hybrid` fuses a `hybrid` query's text and vector clauses by reciprocal ranks (neural-search plugin). */
export function pipelines(): Record<string, Record<string, unknown>> {
  return {
    'mice-hybrid': {
      description: 'Fuses the clauses of a hybrid query by reciprocal ranks.',
      phase_results_processors: [{ 'score-ranker-processor': { combination: { technique: 'rrf' } } }],
    },
  };
}
