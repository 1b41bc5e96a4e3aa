/** A cluster of two OpenSearch nodes of a suite's own, so that it may kill one. */
import { beforeAll } from 'vitest';
import { freePorts } from '../../src/engine/embedded/ports.ts';
import { type EmbeddedEngine, startEngine } from '../../src/engine/embedded/start.ts';

export interface TwoNodes {
  /** The node that stays: it leads the cluster, which goes on without the other. */
  readonly staying: string;
  /** The node that may go. Both are base URLs, known inside hooks and tests. */
  readonly leaving: string;
  /** SIGKILL to the node that may go. Resolves when it is gone. */
  kill(): Promise<void>;
}

export function twoNodes(): TwoNodes {
  const nodes: EmbeddedEngine[] = [];
  beforeAll(async () => {
    const ports = await freePorts(0, 2);
    const shared = {
      'discovery.type': null,
      'discovery.seed_hosts': ports.map((port) => `127.0.0.1:${port}`).join(),
      'cluster.name': `two-nodes-${process.pid}`,
      'cluster.initial_cluster_manager_nodes': 'staying',
    };
    for (const [at, name] of ['staying', 'leaving'].entries()) {
      const settings = { ...shared, 'node.name': name, 'transport.port': ports[at]! };
      nodes.push(await startEngine({ heapMb: 256, settings }));
    }
    return async () => {
      for (const node of nodes) await node.stop();
    };
  }, 900_000);
  return {
    get staying() {
      return nodes[0]!.url;
    },
    get leaving() {
      return nodes[1]!.url;
    },
    async kill() {
      process.kill(nodes[1]!.pid, 'SIGKILL');
      await nodes[1]!.exited;
    },
  };
}
