import type { Dialect } from '../dialect.ts';
import { capabilities } from './capabilities.ts';
import { indexBody } from './mapping.ts';
import { pipelines } from './pipelines.ts';
import { pointInTime } from './point-in-time.ts';
import { openTransport } from './transport.ts';
import { vectorClause, vectorMembers, vectorSearch } from './vector-search.ts';

/** Elasticsearch in its own words. */
export const elasticsearch: Dialect = {
  name: 'elasticsearch',
  majors: [8, 9],
  capabilities,
  indexBody,
  vectorClause,
  vectorSearch,
  vectorMembers,
  pipelines,
  pointInTime,
  openTransport,
};
