/** Which files of a package are its documentation. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const MARKDOWN = /\.(?:md|markdown)$/i;
const README = /^readme\.(?:md|markdown)$/i;
const GUIDE_FOLDER = /^(?:docs?|documentation|guides?)$/i;
/** Papers about a project rather than about its use; translations read the same in another language. */
const NOT_A_GUIDE =
  /^(?:change(?:s|log)|history|releases?|licen[cs]e|authors|contribut|security|code_of_conduct|governance|agents|pull_request|ecosystem|lts|benchmarks?)/i;
const TRANSLATION = /[._-](?:[a-z]{2}|[a-z]{2}[-_][a-z]{2})\.(?:md|markdown)$/i;
/** Third-party code, fixtures and generated output that a package carries along. */
const CARRIED = /^(?:\..*|node_modules|vendor|dependencies|deps|tests?|examples?|lib|dist|ext|tools)$/i;

/**
 * Paths of a package's guides, relative to its directory with `/` between names, sorted by code unit:
 * its README, other Markdown files beside it, and all Markdown under `docs` and folders of that kind.
 */
export function guidesOf(directory: string): readonly string[] {
  return walk(directory, '', false).sort();
}

function walk(directory: string, prefix: string, insideGuides: boolean): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = prefix + entry.name;
    if (entry.isDirectory()) {
      if (CARRIED.test(entry.name)) return [];
      return walk(join(directory, entry.name), `${path}/`, insideGuides || GUIDE_FOLDER.test(entry.name));
    }
    const wanted = insideGuides || prefix === '' || README.test(entry.name);
    return entry.isFile() && wanted && isGuide(entry.name) ? [path] : [];
  });
}

function isGuide(name: string): boolean {
  return MARKDOWN.test(name) && !NOT_A_GUIDE.test(name) && !TRANSLATION.test(name);
}
