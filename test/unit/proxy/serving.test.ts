import { describe, expect, it } from 'vitest';
import { checkBundles, settingsForBundle } from '../../../src/config/bundles.ts';
import type { Settings } from '../../../src/config/options.ts';
import { loadSettings } from '../../../src/config/settings.ts';
import type { Services } from '../../../src/proxy/services.ts';
import { serving } from '../../../src/proxy/serving.ts';

const others = [
  { name: 'next', directory: '/bundles/next' },
  { name: 'third', directory: '/bundles/third', object: 'third' },
];
const rules = [
  { indices: ['articles', 'archive-*'], bundle: 'next' },
  { indices: 'shop', bundle: 'third' },
  { indices: ['logs'], store: 'cache' },
];
const settingsWith = (given: object): Settings => loadSettings({ given: { modelOthers: others, ...given } });

describe('the bundle that answers a search', () => {
  const settings = settingsWith({ statesRules: rules });
  const names = ['next', 'third'];
  const services = { settings, others: new Map(names.map((name) => [name, name])) } as unknown as Services;

  it.each<[string, (string | undefined)[], unknown]>([
    ['the one that a rule names', ['articles'], 'next'],
    ['the one that a rule names for all of several', ['articles,archive-2024'], 'next'],
    ['that of a data stream, of its backing index', ['.ds-archive-logs-2026.01.31-000001'], 'next'],
    ['that of the pattern of a rule', ['archive-*'], 'next'],
    ['not that of what is left out', ['articles,-shop'], 'next'],
    ['one for several searches alike', ['shop', 'shop'], 'third'],
    ['model.bundle, of several with different ones', ['articles,shop'], services],
    ['model.bundle, of several searches with different ones', ['articles', 'shop'], services],
    ['model.bundle, where one has a rule and another none', ['articles,plain'], services],
    ['model.bundle, of a pattern that no rule covers', ['art*'], services],
    ['model.bundle, of all indices', [undefined], services],
    ['model.bundle, where a rule names none', ['logs'], services],
  ])('is %s', (_, expressions, expected) => {
    expect(serving(services, expressions)).toBe(expected);
  });
});

describe('settings of several bundles', () => {
  it('are the same but for the directory and the object', () => {
    const settings = settingsWith({});
    expect(settingsForBundle(settings, undefined)).toBe(settings);
    expect(settingsForBundle(settings, 'next')).toEqual({
      ...settings,
      ...{ modelBundle: '/bundles/next', fieldsObject: 'mice_next' },
    });
    expect(settingsForBundle(settings, 'third').fieldsObject).toBe('third');
  });

  it('are refused where a rule names a bundle that there is not', () => {
    const settings = settingsWith({ statesRules: [{ indices: ['a'], bundle: 'gone' }] });
    expect(() => checkBundles(settings)).toThrow(
      expect.objectContaining({ code: 'bad-option', hint: 'Accepted: next, third.' }),
    );
  });

  it('are refused where two would write one object', () => {
    expect(() => checkBundles(settingsWith({ fieldsObject: 'third' }))).toThrow(/the object third/);
  });
});
