/** How a server is started: the program's arguments and what it reads first. One function per engine. */
import type { Java } from './java.ts';
import type { RunDirectory } from './run-directory.ts';

export type SettingValue = string | number | boolean;

export interface LaunchOrder {
  readonly home: string;
  readonly version: string;
  readonly java: Java;
  readonly run: RunDirectory;
  readonly heapMb: number;
  /** `quick-start` compiles lightly, which halves the start; `throughput` is what a production node does. */
  readonly compiler: 'quick-start' | 'throughput';
  /** Node settings, e.g. `http.port`. */
  readonly settings: Readonly<Record<string, SettingValue>>;
}

export interface Launch {
  /** Arguments of `java`. */
  readonly args: readonly string[];
  /** Written to standard input, which then stays open. */
  readonly input: Buffer;
}

/** Flags that both engines take. A heap of fixed size keeps the measured memory honest. */
export function machineFlags(order: LaunchOrder): readonly string[] {
  const { heapMb, compiler, run, java } = order;
  const quick =
    compiler === 'quick-start' ? ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] : ['-XX:+UseG1GC'];
  return [
    `-Xms${heapMb}m`,
    `-Xmx${heapMb}m`,
    ...quick,
    '-Xss1m',
    '-XX:+ExitOnOutOfMemoryError',
    `-XX:ErrorFile=${run.logs}/java-error.log`,
    '-Dfile.encoding=UTF-8',
    '-Djava.awt.headless=true',
    '-Djna.nosys=true',
    '-Dlog4j.shutdownHookEnabled=false',
    '-Dlog4j2.disable.jmx=true',
    `-Djava.io.tmpdir=${run.temporary}`,
    ...(java.vectorModule ? ['--add-modules=jdk.incubator.vector'] : []),
  ];
}
