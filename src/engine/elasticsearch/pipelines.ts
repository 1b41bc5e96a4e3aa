/** None: Elasticsearch has no search pipelines, and its rank fusion needs a licence. */
export function pipelines(): Record<string, Record<string, unknown>> {
  return {};
}
