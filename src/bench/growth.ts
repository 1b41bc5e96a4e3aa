/** How the cost of scoring grows with the window, with the documents and with the query. */
import type { Bundle } from '../model/bundle.ts';
import type { Model } from '../model/model.ts';
import { openModel } from '../model/runtime.ts';
import { type Contestant, type ContestOptions, contest, repeated, type Times, timesRow } from './contest.ts';
import { fitLine, lineAt } from './fit.ts';
import { median, rounded } from './report.ts';
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
const CURVE_NAMES = Object.keys(CURVES) as (keyof Load)[];
const CANDIDATES_A_TURN = 400;

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

export async function measureGrowth(bundle: Bundle, usual: Load, options: ContestOptions): Promise<Growth> {
  const model = await openModel(bundle.directory, { threads: 1 });
  try {
    return growthOf(await contest(contestants(model, usual), options));
  } finally {
    await model.close();
  }
}

function contestants(model: Model, usual: Load): Readonly<Record<string, Contestant>> {
  const points = CURVE_NAMES.flatMap((curve) => CURVES[curve].map((x) => ({ curve, x })));
  return Object.fromEntries(
    points.map(({ curve, x }) => {
      const { candidates, documentTokens, queryTokens } = Object.assign({}, usual, { [curve]: x });
      const distinct = randomDocuments(model.bundle, numbered(Math.min(candidates, 100)), documentTokens);
      const documents = Array.from({ length: candidates }, (_, at) => distinct[at % distinct.length]!);
      const query = randomQuery(model.bundle, queryTokens);
      const turns = Math.ceil(CANDIDATES_A_TURN / candidates);
      return [`${curve} ${x}`, repeated(turns, () => model.score(query, documents))];
    }),
  );
}

function growthOf(found: Readonly<Record<string, Times>>): Growth {
  const laws: Record<string, string> = {};
  const rows = CURVE_NAMES.flatMap((curve) => {
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
