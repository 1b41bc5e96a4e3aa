/** What differs between the engines; everything pure, so that it can be shown without a cluster. */
import type {
  EngineAddress,
  EngineCapabilities,
  EngineName,
  IndexBody,
  MiceFields,
  VectorClause,
  VectorQuery,
} from './port.ts';
import type { ClientAnswer, ClientRequest, ClientTransport } from './transport.ts';

export interface Dialect {
  readonly name: EngineName;
  /** Major versions this release is written for. */
  readonly majors: readonly number[];
  readonly capabilities: EngineCapabilities;
  readonly indexBody: (fields: MiceFields) => IndexBody;
  readonly vectorClause: VectorClause;
  readonly vectorSearch: (query: VectorQuery) => Readonly<Record<string, unknown>>;
  readonly vectorMembers: (query: VectorQuery, filters: readonly string[]) => string;
  readonly pipelines: () => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly pointInTime: PointInTime;
  /** Opens the engine's official client. */
  readonly openTransport: (address: EngineAddress) => ClientTransport;
}

/** How a view of an index that no write changes is opened and closed. */
export interface PointInTime {
  /** @param keepAlive e.g. `5m`, counted from the last search on it */
  readonly open: (index: string, keepAlive: string) => ClientRequest;
  readonly idOf: (answer: ClientAnswer['body']) => string;
  readonly close: (id: string) => ClientRequest;
}
