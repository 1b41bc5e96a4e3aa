/** Starting OpenSearch without its shell scripts, which want bash and start a second Java to compute flags. */
import { delimiter } from 'node:path';
import { type Launch, type LaunchOrder, machineFlags } from './launch.ts';

export function launchOpenSearch(order: LaunchOrder): Launch {
  const { home, java, run, settings } = order;
  const flags = [
    `-javaagent:${home}/agent/opensearch-agent.jar`,
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '-Djava.locale.providers=SPI,CLDR',
    `-Dopensearch.path.home=${home}`,
    `-Dopensearch.path.conf=${run.configuration}`,
    '-Dopensearch.distribution.type=zip',
  ];
  const classPath = [`${home}/lib/*`, ...java.localeJars].join(delimiter);
  const nodeSettings = Object.entries(settings).map(([name, value]) => `-E${name}=${value}`);
  const main = ['-cp', classPath, 'org.opensearch.bootstrap.OpenSearch', ...nodeSettings];
  return { args: [...machineFlags(order), ...flags, ...main], input: Buffer.alloc(0) };
}
