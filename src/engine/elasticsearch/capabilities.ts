import type { EngineCapabilities } from '../port.ts';

export const capabilities: EngineCapabilities = {
  rootInfo: false,
  searchPipelines: false,
  productHeader: true,
};
