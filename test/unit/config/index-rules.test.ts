import { describe, expect, it } from 'vitest';
import { fitsPattern, ruleFor } from '../../../src/config/index-rules.ts';
import { loadSettings } from '../../../src/config/settings.ts';

describe('rules for indices', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['a*', 'abc', true],
    ['*c', 'abc', true],
    ['a*c*e', 'abcde', true],
    ['a*a', 'a', false],
    ['*', '', true],
    ['a.*', 'axb', false],
    ['a**b', 'ab', true],
  ])('%s fits %s: %s', (pattern, name, fits) => {
    expect(fitsPattern(pattern, name)).toBe(fits);
  });

  it('hold for a list of indices where they fit each, and for all indices where they fit anything', () => {
    const rules = [{ index: 'a*' }, { index: '*' }];
    expect(ruleFor(rules, 'a1,a*,-b')).toBe(rules[0]);
    expect(ruleFor(rules, 'a1,b')).toBe(rules[1]);
    expect(ruleFor(rules, '_all')).toBe(rules[1]);
    expect(ruleFor(rules, undefined)).toBe(rules[1]);
    expect(ruleFor(rules.slice(0, 1), undefined)).toBeUndefined();
  });

  it('come as a list from the file and as JSON from elsewhere', () => {
    const rule = { index: 'a-*', mode: 'off', question: ['title*'] };
    const { rerankRules } = loadSettings({ environment: { MICE_RERANK_RULES: JSON.stringify([rule]) } });
    expect(rerankRules).toEqual([rule]);
    expect(loadSettings({ given: { rerankRules: [rule] } }).rerankRules).toEqual([rule]);
  });

  it.each(['off', '{}', '[{"mode":"off"}]', '[{"index":"a","windw":3}]', '[{"index":"a","window":0}]'])(
    'refuse %s',
    (text) => {
      expect(() => loadSettings({ environment: { MICE_RERANK_RULES: text } })).toThrow(/rerank\.rules/);
    },
  );
});
