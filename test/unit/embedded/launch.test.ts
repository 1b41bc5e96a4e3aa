import { describe, expect, test } from 'vitest';
import type { LaunchOrder } from '../../../src/engine/embedded/launch.ts';
import { launchElasticsearch, serverArguments } from '../../../src/engine/embedded/launch-elasticsearch.ts';
import { launchOpenSearch } from '../../../src/engine/embedded/launch-opensearch.ts';

const order: LaunchOrder = {
  home: '/homes/server',
  version: '9.5.3',
  java: { home: '/java', major: 25, vectorModule: true, localeJars: [] },
  run: {
    root: '/run',
    data: '/run/data',
    logs: '/run/logs',
    temporary: '/run/tmp',
    configuration: '/run/config',
    output: '/run/output.log',
  },
  heapMb: 640,
  compiler: 'quick-start',
  settings: { 'http.port': 9200, 'node.name': 'mouse' },
};

/** Reads the message back, as the server does: numbers in groups of seven bits, text by its length. */
function reader(message: Buffer) {
  let at = 0;
  const byte = () => message[at++]!;
  const count = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const group = byte();
      value |= (group & 0x7f) << shift;
      if (group < 0x80) return value;
    }
  };
  const bytes = () => {
    const length = count();
    at += length;
    return message.subarray(at - length, at);
  };
  return {
    byte,
    count,
    bytes,
    text: () => bytes().toString('utf8'),
    skip: (n: number) => {
      at += n;
    },
    rest: () => message.length - at,
  };
}

describe('the command line of OpenSearch', () => {
  test('has the flags of Java before the class path and the settings after the main class', () => {
    const { args } = launchOpenSearch(order);
    const [classPath, main] = [args.indexOf('-cp'), args.indexOf('org.opensearch.bootstrap.OpenSearch')];
    expect(args[classPath + 1]).toBe('/homes/server/lib/*');
    expect(args.slice(0, classPath).every((flag) => flag.startsWith('-'))).toBe(true);
    expect(args.slice(0, classPath)).toContain('-Xmx640m');
    expect(args.slice(main + 1)).toEqual(['-Ehttp.port=9200', '-Enode.name=mouse']);
  });

  test('asks for the vector module where it is, and for locale data where Java has none', () => {
    const pinned = { ...order.java, vectorModule: false, localeJars: ['/icu.jar'] };
    const vector = '--add-modules=jdk.incubator.vector';
    expect(launchOpenSearch(order).args).toContain(vector);
    const { args } = launchOpenSearch({ ...order, java: pinned });
    expect(args).not.toContain(vector);
    expect(args[args.indexOf('-cp') + 1]).toBe('/homes/server/lib/*:/icu.jar');
  });

  test('compiles fully when throughput is asked for', () => {
    expect(launchOpenSearch(order).args).toContain('-XX:TieredStopAtLevel=1');
    expect(launchOpenSearch({ ...order, compiler: 'throughput' }).args).not.toContain(
      '-XX:TieredStopAtLevel=1',
    );
  });
});

describe('the start of Elasticsearch', () => {
  test('runs the server module on the libraries of its home', () => {
    const { args } = launchElasticsearch(order);
    expect(args[args.indexOf('--module-path') + 1]).toBe('/homes/server/lib');
    expect(args.slice(-2)).toEqual([
      '-m',
      'org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch',
    ]);
  });

  test('hands over settings in order of name, directories, and a seed that differs every time', () => {
    const long = 'x'.repeat(300);
    const message = serverArguments({ 'node.name': long, 'http.port': 9200 }, '/conf', '/logs');
    const read = reader(message);
    expect([read.byte(), read.byte(), read.byte()]).toEqual([0, 0, 0]);
    expect(read.text()).toBe('org.elasticsearch.common.settings.KeyStoreWrapper');
    read.skip(6);
    expect([read.count(), read.text()]).toEqual([1, 'keystore.seed']);
    expect([read.bytes().length, read.bytes().length, read.byte()]).toEqual([20, 32, 0]);
    const settings = Array.from({ length: read.count() }, () => [read.text(), read.byte(), read.text()]);
    expect(settings).toEqual([
      ['http.port', 0, '9200'],
      ['node.name', 0, long],
    ]);
    expect([read.text(), read.text(), read.rest()]).toEqual(['/conf', '/logs', 0]);
    expect(serverArguments({}, '', '')).not.toEqual(serverArguments({}, '', ''));
  });

  test('switches security off unless the caller sets it', () => {
    const on = { ...order, settings: { 'xpack.security.enabled': true } };
    expect(launchElasticsearch(order).input.toString('latin1')).toContain(
      'xpack.security.enabled\0\x05false',
    );
    expect(launchElasticsearch(on).input.toString('latin1')).toContain('xpack.security.enabled\0\x04true');
  });
});
