/** Where a machine without the ordinary clients, or behind its own mirror, fetches directly. */

export interface Repositories {
  /** Base URL of a Maven repository. */
  readonly maven?: string;
  /** Base URL of a Python package index (PEP 503), e.g. ending in `/simple`. */
  readonly pypi?: string;
}

export const repositorySettings = { maven: 'MICE_MAVEN_REPOSITORY', pypi: 'MICE_PYPI_INDEX' } as const;

export function repositoriesOf(env: NodeJS.ProcessEnv = process.env): Repositories {
  const maven = env[repositorySettings.maven];
  const pypi = env[repositorySettings.pypi];
  return { ...(maven ? { maven } : {}), ...(pypi ? { pypi } : {}) };
}
