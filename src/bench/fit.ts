/** A straight line through measured points, and how far they are from it. */

export interface Point {
  readonly x: number;
  readonly ms: number;
}

export interface Line {
  readonly fixedMs: number;
  readonly msPerUnit: number;
}

/** The least squares of relative differences, so that small values count as much as large ones. At least two points. */
export function fitLine(points: readonly Point[]): Line {
  const sum = (value: (point: Point) => number) => points.reduce((total, point) => total + value(point), 0);
  const [w, wx, wxx] = [
    sum(({ ms }) => ms ** -2),
    sum(({ x, ms }) => x / ms ** 2),
    sum(({ x, ms }) => (x / ms) ** 2),
  ];
  const [wy, wxy] = [sum(({ ms }) => 1 / ms), sum(({ x, ms }) => x / ms)];
  const msPerUnit = (w * wxy - wx * wy) / (w * wxx - wx * wx);
  return { fixedMs: (wy - msPerUnit * wx) / w, msPerUnit };
}

export function lineAt({ fixedMs, msPerUnit }: Line, x: number): number {
  return fixedMs + msPerUnit * x;
}
