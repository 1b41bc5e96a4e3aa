import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentNameOf, flagOf, options } from '../../../src/config/options.ts';
import { loadSettings, printableSettings } from '../../../src/config/settings.ts';

function file(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'mice-config-')), 'mice.yaml');
  writeFileSync(path, content);
  return path;
}

describe('settings', () => {
  it('are the declared defaults unless set, and the defaults are accepted themselves', () => {
    const settings = loadSettings({});
    for (const [key, option] of Object.entries(options)) {
      expect(settings[key as keyof typeof settings]).toEqual(option.default);
      expect(option.schema.safeParse(option.default).success, option.name).toBe(true);
    }
  });

  it('listen on loopback unless told otherwise', () => {
    expect(loadSettings({}).listenHost).toBe('127.0.0.1');
  });

  it('come from the file, then the environment, then the command line', () => {
    const path = file(
      'rerank: { window: 10, deadline: 11 }\ntext: { fields: [a, b.c] }\nlisten: { port: 1 }\n',
    );
    const settings = loadSettings({
      file: path,
      environment: { MICE_RERANK_WINDOW: '20', MICE_LISTEN_PORT: '2' },
      given: { listenPort: '3' },
    });
    expect(settings).toMatchObject({
      rerankDeadlineMs: 11,
      rerankWindow: 20,
      listenPort: 3,
      textFields: ['a', 'b.c'],
    });
  });

  it.each([
    ['rerankWindow', '0', /rerank\.window does not accept "0".*command line/, /1 to 10000/],
    ['rerankWindow', 'many', /rerank\.window/, /1 to 10000/],
    ['upstreamUrl', 'localhost:9200', /upstream\.url/, /http:\/\/host:port/],
    ['upstreamUrl', 'http://a/b', /upstream\.url/, /without a path/],
    ['logLevel', 'loud', /log\.level/, /fatal, error, warn/],
    ['rerankEnabled', 'yes', /rerank\.enabled/, /true or false/],
  ])('refuse %s=%s, naming the option and what is accepted', (key, value, message, hint) => {
    expect(() => loadSettings({ given: { [key]: value } })).toThrow(
      expect.objectContaining({
        code: 'bad-option',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    );
  });

  it('refuse a file with an unknown option, naming the options there are', () => {
    expect(() => loadSettings({ file: file('rerank: { windw: 3 }') })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/rerank\.windw, which is no option/),
        hint: expect.stringMatching(/rerank\.window/),
      }),
    );
    expect(() => loadSettings({ file: '/no/such/file.yaml' })).toThrow(/cannot be read/);
    expect(() => loadSettings({ file: file('a: [') })).toThrow(/cannot be read/);
    expect(loadSettings({ file: file('') }).listenPort).toBe(9201);
  });

  it('hide secrets when they are printed, in errors too', () => {
    const settings = loadSettings({ given: { upstreamAuthorization: 'ApiKey s3cret' } });
    expect(JSON.stringify(printableSettings(settings))).not.toContain('s3cret');
    expect(printableSettings(settings)['upstream.authorization']).toBe('(hidden)');
  });

  it('have one name in each place', () => {
    expect(flagOf('listen.port')).toBe('--listen-port');
    expect(environmentNameOf('listen.port')).toBe('MICE_LISTEN_PORT');
    const names = Object.values(options).map(({ name }) => flagOf(name));
    expect(new Set(names).size).toBe(names.length);
  });
});
