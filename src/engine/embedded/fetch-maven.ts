/** Fetching by coordinates with the installed Maven, which knows its repository and the user's mirrors. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MiceError } from '../../errors.ts';
import type { Artifact, MavenCoordinates } from './artifacts.ts';
import { complaintOf, runTool } from './tools.ts';

/** Pinned, because Maven's built-in choice is of 2013 and differs between its releases. */
const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/** Most of the time for a small file is Maven's own start, which this halves. */
const quickStart = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

/** The path of an artefact below the base of a Maven repository, as the default layout has it. */
export function mavenPath(origin: MavenCoordinates): string {
  const { group, name, version, packaging } = origin;
  return `${group.replaceAll('.', '/')}/${name}/${version}/${name}-${version}.${packaging}`;
}

/**
 * Fetches into a local repository of our own, so that nothing of 160 MB stays behind in the user's. Returns
 * the path of the file. Throws `artifact-fetch` with Maven's complaint.
 */
export async function fetchWithMaven(
  maven: string,
  artifact: Artifact,
  origin: MavenCoordinates,
  localRepository: string,
): Promise<string> {
  await mkdir(localRepository, { recursive: true });
  const coordinates = `${origin.group}:${origin.name}:${origin.version}:${origin.packaging}`;
  const goal = [`${dependencyPlugin}:get`, '-Dtransitive=false', `-Dartifact=${coordinates}`];
  const args = ['-q', '-B', '-U', `-Dmaven.repo.local=${localRepository}`, ...goal];
  const env = { ...process.env, MAVEN_OPTS: process.env['MAVEN_OPTS'] ?? quickStart };
  const { status, output } = await runTool(maven, args, env);
  if (status === 0) return join(localRepository, mavenPath(origin));
  throw new MiceError('artifact-fetch', `mvn could not fetch ${artifact.fileName}: ${complaintOf(output)}`);
}
