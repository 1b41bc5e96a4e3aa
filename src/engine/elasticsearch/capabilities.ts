import type { EngineCapabilities } from '../port.ts';

export const capabilities: EngineCapabilities = {
  searchPipelines: false,
  productHeader: true,
};
