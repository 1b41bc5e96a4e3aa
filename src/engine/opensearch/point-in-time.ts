import type { PointInTime } from '../dialect.ts';

export const pointInTime: PointInTime = {
  open: (index, keepAlive) => ({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_search/point_in_time`,
    query: { keep_alive: keepAlive },
  }),
  idOf: (answer) => answer.pit_id,
  close: (id) => ({ method: 'DELETE', path: '/_search/point_in_time', body: { pit_id: [id] } }),
};
