import type { Session } from './session.ts';

/** A session that costs nothing until it is first run. An opening that failed is tried again by the next run. */
export function openedOnUse(open: () => Promise<Session>): Session {
  let session: Session | undefined;
  return {
    async run(inputs) {
      session ??= await open();
      return await session.run(inputs);
    },
    async close() {
      await session?.close();
    },
  };
}
