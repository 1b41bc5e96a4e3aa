/** The public interface of the package. */
export { type OptionKey, options, type Settings } from './config/options.ts';
export { loadSettings, type SettingsSources } from './config/settings.ts';
export { connectEngine } from './engine/connect.ts';
export { type EmbeddedEngine, type StartOptions, startEngine } from './engine/embedded/start.ts';
export type { Engine, EngineAddress, EngineName } from './engine/port.ts';
export { type FaultCode, faults, MiceError } from './errors.ts';
export { type SetupOptions, type SetupReport, setupIndex } from './ingest/setup.ts';
export { type Bundle, defaultBundleDirectory, openBundle } from './model/bundle.ts';
export type { EncodedDocument, EncodedQuery, Model, QueryVector } from './model/model.ts';
export { openModel } from './model/runtime.ts';
export { type RunningServer, startServer } from './proxy/server.ts';
