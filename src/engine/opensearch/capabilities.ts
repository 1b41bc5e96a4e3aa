import type { EngineCapabilities } from '../port.ts';

export const capabilities: EngineCapabilities = {
  searchPipelines: true,
  productHeader: false,
};
