/** Which bundle answers a search, so that one page is never scored by two. */
import { statesRuleFor } from '../config/index-rules.ts';
import { writtenName } from '../ingest/text.ts';
import type { Services } from './services.ts';

/**
 * The services of the bundle that the rules name for every index of a request alike; where they name several, or none,
 * those of `model.bundle`. States of another bundle are then foreign, and their documents read on sight.
 * @param expressions index expressions of the request's searches, decoded; undefined for all indices
 */
export function serving(services: Services, expressions: readonly (string | undefined)[]): Services {
  const names = expressions.flatMap((expression) => (expression ?? '*').split(','));
  const bundles = new Set(
    names
      .filter((name) => !name.startsWith('-'))
      .map((name) => statesRuleFor(services.settings.statesRules, writtenName(name))?.bundle),
  );
  const [bundle, ...others] = bundles;
  return (others.length === 0 && bundle !== undefined && services.others.get(bundle)) || services;
}
