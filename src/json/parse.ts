/** The value of a JSON text; undefined when it is none, as the answer of an unknown server may be. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
