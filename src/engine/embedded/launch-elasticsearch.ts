/**
 * Starting Elasticsearch without its launcher. The launcher is a second Java that works out flags, then hands
 * the server its arguments as a binary message on standard input; the server leaves when that input closes, so
 * it cannot outlive us. The message is not a public format: it was read off the pinned versions, and the engine
 * suite starts each of them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { delimiter } from 'node:path';
import { type Launch, type LaunchOrder, machineFlags } from './launch.ts';

export function launchElasticsearch(order: LaunchOrder): Launch {
  const { home, run, settings, java } = order;
  const all = {
    'cluster.name': 'elasticsearch',
    'path.home': home,
    'xpack.security.enabled': false,
    ...settings,
  };
  return {
    args: [...machineFlags(order), ...moduleFlags(home, order.version, java.localeJars), '-m', serverModule],
    input: serverArguments(all, run.configuration, run.logs),
  };
}

const serverModule = 'org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch';

/** The module graph as the launcher sets it up; a package that one version lacks is only warned about. */
function moduleFlags(home: string, version: string, localeJars: readonly string[]): readonly string[] {
  const bridge = `${home}/lib/entitlement-bridge/elasticsearch-entitlement-bridge-${version}.jar`;
  const bridged =
    'org.elasticsearch.entitlement,java.logging,java.net.http,java.naming,jdk.net,jdk.zipfs,jdk.management.agent';
  const opened = ['codecs.lucene99', 'codecs.hnsw', 'internal.vectorization'];
  return [
    '-Djava.locale.providers=CLDR',
    '-Dio.netty.noUnsafe=true',
    '-Dio.netty.noKeySetOptimization=true',
    '-Dorg.apache.lucene.vectorization.upperJavaFeatureVersion=25',
    `-Des.path.home=${home}`,
    '-Des.distribution.type=zip',
    '-Des.java.type=ES_JAVA_HOME',
    ...opened.map(
      (name) => `--add-opens=org.apache.lucene.core/org.apache.lucene.${name}=org.elasticsearch.server`,
    ),
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
    '--enable-native-access=ALL-UNNAMED,org.elasticsearch.nativeaccess,org.apache.lucene.core',
    '-XX:+EnableDynamicAgentLoading',
    '-Djdk.attach.allowAttachSelf=true',
    `--patch-module=java.base=${bridge}`,
    `--add-exports=java.base/org.elasticsearch.entitlement.bridge=${bridged}`,
    '--module-path',
    [`${home}/lib`, ...localeJars].join(delimiter),
    '--add-modules=jdk.net,jdk.management.agent,ALL-MODULE-PATH',
  ];
}

/**
 * The message: daemonize, quiet, no pid file; a keystore in memory holding the seed that every node needs;
 * the settings in order of name; configuration and log directory.
 */
export function serverArguments(
  settings: Readonly<Record<string, string | number | boolean>>,
  configuration: string,
  logs: string,
): Buffer {
  const seed = randomBytes(15).toString('base64url');
  const digest = createHash('sha256').update(seed).digest();
  const keystore = [
    text(keystoreClass),
    int32(7),
    no,
    no,
    count(1),
    text('keystore.seed'),
    bytes(Buffer.from(seed)),
    bytes(digest),
    no,
  ];
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted.flatMap(([name, value]) => [text(name), stringType, text(String(value))]);
  const message = [
    no,
    no,
    no,
    ...keystore,
    count(sorted.length),
    ...entries,
    text(configuration),
    text(logs),
  ];
  return Buffer.concat(message);
}

const keystoreClass = 'org.elasticsearch.common.settings.KeyStoreWrapper';
const no = Buffer.from([0]);
/** The tag of a string in a value of open type. */
const stringType = Buffer.from([0]);

/** A count in groups of seven bits, lowest first, the high bit saying that more follow. */
function count(value: number): Buffer {
  const groups = [];
  for (let rest = value; rest > 0x7f; rest >>>= 7) groups.push((rest & 0x7f) | 0x80);
  return Buffer.from([...groups, value >>> (7 * groups.length)]);
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([count(value.length), value]);
}

/** UTF-16 length, then UTF-8: what the engine's stream does for text of the basic plane. */
function text(value: string): Buffer {
  return Buffer.concat([count(value.length), Buffer.from(value, 'utf8')]);
}
