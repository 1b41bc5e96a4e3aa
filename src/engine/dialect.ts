/** What differs between the engines; everything pure, so that it can be shown without a cluster. */
import type {
  EngineAddress,
  EngineCapabilities,
  EngineName,
  IndexBody,
  MiceFields,
  VectorQuery,
} from './port.ts';
import type { ClientTransport } from './transport.ts';

export interface Dialect {
  readonly name: EngineName;
  /** Major versions this release is written for. */
  readonly majors: readonly number[];
  readonly capabilities: EngineCapabilities;
  readonly indexBody: (fields: MiceFields) => IndexBody;
  readonly vectorSearch: (query: VectorQuery) => Readonly<Record<string, unknown>>;
  readonly pipelines: () => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Opens the engine's official client. */
  readonly openTransport: (address: EngineAddress) => ClientTransport;
}
