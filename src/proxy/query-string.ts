/**
 * The words of a Lucene query string: field names, operators, boosts and negated terms taken away.
 * Covers `query_string`, `simple_query_string` and the URL parameter `q`.
 */
export function plainQueryString(query: string): string {
  return query
    .replace(/\/(?:[^/\\]|\\.)+\//g, ' ')
    .replace(/(?:\b[\w.]+:)?[[{][^\]}]*\bTO\b[^\]}]*[\]}]/g, ' ')
    .replace(/(?:\bNOT\s+|(?<=^|[\s(])[-!])(?:[\w.]+:)?(?:"[^"]*"|\([^)]*\)|\S+)/g, ' ')
    .replace(/\b[\w.]+:(?=\S)/g, ' ')
    .replace(/(?<=[\w")])[~^][\d.]*/g, ' ')
    .replace(/\\(.)/g, '$1')
    .replace(/(?<=^|\s|[)"])(?:AND|OR|&&|\|\|)(?=\s|$|[("])/g, ' ')
    .replace(/["()+|*?<>=]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
