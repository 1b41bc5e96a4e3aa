/** A request target as path and parameters, so that some can be exchanged while the others stay as written. */

export interface Parameter {
  readonly name: string;
  readonly value: string;
  /** `name=value` as it came. */
  readonly raw: string;
}

export interface Target {
  /** As it came: parsing it as a URL would resolve dot segments. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

export function parseTarget(target: string): Target {
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, parameters: [] };
  const pieces = target.slice(mark + 1).split('&');
  return { path: target.slice(0, mark), parameters: pieces.filter((piece) => piece !== '').map(parameterOf) };
}

/** The value of a parameter; the last one counts, as in the engines. */
export function parameterIn({ parameters }: Target, name: string): string | undefined {
  return parameters.findLast((parameter) => parameter.name === name)?.value;
}

/** The target without the parameters `names`. */
export function withoutParameters({ path, parameters }: Target, names: readonly string[]): Target {
  return { path, parameters: parameters.filter(({ name }) => !names.includes(name)) };
}

/** The target with each of `values` as the only parameter of its name, after the others. */
export function withParameters(target: Target, values: Readonly<Record<string, string>>): Target {
  const { path, parameters } = withoutParameters(target, Object.keys(values));
  const added = Object.entries(values).map(([name, value]) => ({
    name,
    value,
    raw: `${name}=${encodeURIComponent(value)}`,
  }));
  return { path, parameters: [...parameters, ...added] };
}

export function printTarget({ path, parameters }: Target): string {
  return parameters.length === 0 ? path : `${path}?${parameters.map(({ raw }) => raw).join('&')}`;
}

function parameterOf(raw: string): Parameter {
  const mark = raw.indexOf('=');
  const [name, value] = mark === -1 ? [raw, ''] : [raw.slice(0, mark), raw.slice(mark + 1)];
  return { name: decoded(name), value: decoded(value), raw };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
