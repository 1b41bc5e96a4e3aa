import type { PointInTime } from '../dialect.ts';

export const pointInTime: PointInTime = {
  open: (index, keepAlive) => ({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_pit`,
    query: { keep_alive: keepAlive },
  }),
  idOf: (answer) => answer.id,
  close: (id) => ({ method: 'DELETE', path: '/_pit', body: { id } }),
};
