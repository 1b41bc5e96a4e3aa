import { describe, expect, it } from 'vitest';
import { plainTarget, searchOf } from '../../../src/proxy/template.ts';

describe('a template as a plain search', () => {
  it.each([
    ['/i/_search/template', '/i/_search'],
    [
      '/_search/template?routing=a%20b&typed_keys&size=3&from=1&q=x&_source=a&ignore_unavailable=true',
      '/_search?routing=a%20b&typed_keys&ignore_unavailable=true',
    ],
    ['/_msearch/template?max_concurrent_searches=2', '/_msearch?max_concurrent_searches=2'],
  ])('%s is %s', (target, plain) => {
    expect(plainTarget(target)).toBe(plain);
  });

  const rendered = (output: string, request = {}) =>
    searchOf(Buffer.from(`{"template_output":${output}}`), request).toString();

  it('is the rendered body, byte for byte', () => {
    const body = '{"query":{"match":{"n":9007199254740993}}, "size" : 3}';
    expect(rendered(body)).toBe(body);
  });

  it('takes explain and profile from the request, whatever the template says', () => {
    expect(rendered('{"explain":true,"size":3}')).toBe('{"size":3}');
    expect(rendered('{"profile":false}', { explain: true, profile: true })).toBe(
      '{"explain":true,"profile":true}',
    );
    expect(rendered('{"size":3}', { explain: true })).toBe('{"explain":true,"size":3}');
  });

  it('is none where nothing was rendered', () => {
    expect(() => rendered('"text"')).toThrow(/not JSON/);
    expect(() => searchOf(Buffer.from('{"error":{}}'), {})).toThrow(/not JSON/);
  });
});
