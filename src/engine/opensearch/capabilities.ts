import type { EngineCapabilities } from '../port.ts';

export const capabilities: EngineCapabilities = {
  rootInfo: true,
  searchPipelines: true,
  productHeader: false,
};
