/** Bulk requests, some of them under way at a time. */
import { Pool } from 'undici';
import { MiceError } from '../errors.ts';

/** @throws MiceError `proxy-refused` when a request or one of its items is refused */
export async function sendBulk(url: string, requests: readonly string[], connections: number): Promise<void> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections, headersTimeout: 0, bodyTimeout: 0 });
  const waiting = requests.values();
  const keepSending = async () => {
    for (const body of waiting) {
      const headers = { 'content-type': 'application/x-ndjson' };
      const answer = await pool.request({ method: 'POST', path: pathname, headers, body });
      const { errors } = (await answer.body.json()) as { errors?: boolean };
      if (answer.statusCode !== 200 || errors !== false)
        throw new MiceError(
          'proxy-refused',
          `A bulk request was answered with ${answer.statusCode}, errors: ${errors}.`,
        );
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, keepSending));
  } finally {
    await pool.close();
  }
}
