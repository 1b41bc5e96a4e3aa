/** How the cost of scoring grows with the window, with the documents and with the query. */
import type { Model } from '../model/model.ts';
import { type ContestOptions, contest, rounded, timesRow } from './contest.ts';
import { fitLine, lineAt } from './fit.ts';
import { median } from './report.ts';
import { numbered, randomDocuments, randomQuery } from './stored-documents.ts';

interface Load {
  readonly candidates: number;
  readonly documentTokens: number;
  readonly queryTokens: number;
}

/** One size grows, the others stay as they are in the comparison. */
const CURVES = {
  candidates: [10, 30, 100, 300, 1000],
  documentTokens: [32, 64, 128, 256, 512],
  queryTokens: [4, 8, 16, 32, 64],
} as const satisfies Record<keyof Load, readonly number[]>;

export interface GrowthPoint {
  readonly curve: string;
  readonly x: number;
  readonly [figure: string]: string | number;
}

export interface Growth {
  /** Curve → its law in words. */
  readonly laws: Readonly<Record<string, string>>;
  readonly rows: readonly GrowthPoint[];
}

export async function measureGrowth(model: Model, usual: Load, options: ContestOptions): Promise<Growth> {
  const points = (Object.keys(CURVES) as (keyof Load)[]).flatMap((curve) =>
    CURVES[curve].map((x) => ({ curve, x })),
  );
  const contestants = Object.fromEntries(
    points.map(({ curve, x }) => {
      const { candidates, documentTokens, queryTokens } = Object.assign({}, usual, { [curve]: x });
      const documents = repeated(
        randomDocuments(model.bundle, numbered(Math.min(candidates, 100)), documentTokens),
        candidates,
      );
      const query = randomQuery(model.bundle, queryTokens);
      return [`${curve} ${x}`, { run: () => model.score(query, documents) }];
    }),
  );
  const found = await contest(contestants, options);
  const laws: Record<string, string> = {};
  const rows = (Object.keys(CURVES) as (keyof Load)[]).flatMap((curve) => {
    const measured = CURVES[curve].map((x) => ({ x, ms: median(found[`${curve} ${x}`]!.cpuMs) }));
    const line = fitLine(measured);
    laws[curve] = `${line.fixedMs.toPrecision(3)} ms + ${line.msPerUnit.toPrecision(3)} ms × ${curve}`;
    return measured.map(({ x }) => ({
      curve,
      x,
      ...timesRow(found[`${curve} ${x}`]!),
      ...rounded({ lawMs: lineAt(line, x) }),
    }));
  });
  return { laws, rows };
}

function repeated<T>(values: readonly T[], count: number): readonly T[] {
  return Array.from({ length: count }, (_, at) => values[at % values.length]!);
}
