/** Sessions on graphs that are written for a measurement and removed after it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession, type Session } from '../model/session.ts';
import type { Bytes } from './graphs/protobuf.ts';

export interface Sessions {
  /** Of a file that is there. */
  open(path: string): Promise<Session>;
  write(graph: Bytes): Promise<Session>;
  close(): Promise<void>;
}

/** Every session has one thread. */
export async function openSessions(): Promise<Sessions> {
  const directory = await mkdtemp(join(tmpdir(), 'mice-bench-'));
  const opened: Session[] = [];
  const open = async (path: string) => {
    const session = await openSession(path, { inputs: [], outputs: [], intraOpThreads: 1 });
    opened.push(session);
    return session;
  };
  return {
    open,
    async write(graph) {
      const path = join(directory, `${opened.length}.onnx`);
      await writeFile(path, graph);
      const session = await open(path);
      await rm(path);
      return session;
    },
    async close() {
      for (const session of opened) await session.close();
      await rm(directory, { recursive: true });
    },
  };
}
