/** The demo on a terminal: both orders of a question side by side, what moved, and where the time went. */
import { percentile } from '../evaluate/percentiles.ts';
import type { Answered } from './ask.ts';
import { meanQuality } from './report.ts';
import { type Screen, toWidth } from './screen.ts';

/** Hits shown of each order. */
const SHOWN = 5;
/** Below this width the two orders stand under each other. */
const SIDE_BY_SIDE = 76;
const MARKS = [' ', '·', '•', '●'] as const;

/** What the marks before a title mean. */
export const legend = '● answers the question · • in part · · helps on the way, by judgements made by hand';

/** A question in full: lines without line ends. */
export function printQuestion(
  answer: Answered,
  titles: ReadonlyMap<string, string>,
  screen: Screen,
): readonly string[] {
  const left = answer.firstStage.slice(0, SHOWN).map((id, at) => ({ id, label: `${at + 1}` }));
  const right = answer.reranked.slice(0, SHOWN).map((id, at) => ({ id, label: movedTo(answer, id, at) }));
  const shown = (entries: readonly Entry[], width: number) =>
    entries.map((entry) => printEntry(entry, answer, titles, width, screen));
  return [
    '',
    screen.tint(answer.question.text, 'bold'),
    ...columns(shown, left, right, screen),
    outcome(answer, screen),
  ];
}

interface Entry {
  readonly id: string;
  readonly label: string;
}

type Show = (entries: readonly Entry[], width: number) => readonly string[];

function columns(
  show: Show,
  left: readonly Entry[],
  right: readonly Entry[],
  screen: Screen,
): readonly string[] {
  const head = ['the cluster', 're-ranked'] as const;
  if (screen.columns < SIDE_BY_SIDE) {
    const stacked = ([title, entries]: readonly [string, readonly Entry[]]) => [
      screen.tint(title, 'dim'),
      ...show(entries, screen.columns),
    ];
    return [[head[0], left] as const, [head[1], right] as const].flatMap(stacked);
  }
  const width = Math.floor((screen.columns - 2) / 2);
  const [first, second] = [show(left, width), show(right, width)];
  const rows = Array.from({ length: Math.max(first.length, second.length) }, (_, at) => {
    return `${first[at] ?? ' '.repeat(width)}  ${second[at] ?? ''}`.trimEnd();
  });
  return [screen.tint(`${toWidth(head[0], width)}  ${head[1]}`, 'dim'), ...rows];
}

function printEntry(
  { id, label }: Entry,
  { question }: Answered,
  titles: ReadonlyMap<string, string>,
  width: number,
  screen: Screen,
): string {
  const mark = MARKS[Math.min(3, Math.max(0, question.grades.get(id) ?? 0))] ?? ' ';
  const title = toWidth(titles.get(id) ?? id, width - label.length - 3);
  const tinted = label.includes('▲')
    ? screen.tint(label, 'green')
    : label.includes('▼')
      ? screen.tint(label, 'yellow')
      : label;
  return `${tinted} ${screen.tint(mark, 'cyan')} ${title}`;
}

/** The new rank and how far it came, e.g. `1 ▲12`; padded so that titles stand under each other. */
function movedTo({ firstStage }: Answered, id: string, at: number): string {
  const from = firstStage.indexOf(id);
  const moved = from - at;
  const arrow = from < 0 ? 'new' : moved === 0 ? '=' : `${moved > 0 ? '▲' : '▼'}${Math.abs(moved)}`;
  return `${at + 1} ${arrow.padEnd(3)}`;
}

function outcome(answer: Answered, screen: Screen): string {
  const stages = Object.entries(answer.timingsMs).map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`);
  const times = stages.length === 0 ? answer.verdict : `${stages.join(' · ')} ms`;
  return `${quality(answer, screen)}${screen.tint(times, 'dim')}`;
}

function quality({ quality }: Answered, screen: Screen): string {
  if (quality === undefined) return '';
  const { firstStage, reranked } = quality;
  const tint = reranked > firstStage ? 'green' : reranked < firstStage ? 'yellow' : 'dim';
  return `nDCG@10 ${firstStage.toFixed(2)} → ${screen.tint(reranked.toFixed(2), tint)}   `;
}

/** A question on one line: quality and time alone. */
export function printBriefly(answer: Answered, screen: Screen): string {
  const numbers = quality(answer, screen);
  const total =
    answer.timingsMs.total === undefined ? answer.verdict : `${answer.timingsMs.total.toFixed(1)} ms`;
  return `${numbers}${toWidth(total, 10)} ${toWidth(answer.question.text, screen.columns - 36).trimEnd()}`;
}

/** The means, how many questions gained and lost, and the median time of every stage. */
export function printSummary(answers: readonly Answered[], screen: Screen): readonly string[] {
  const means = meanQuality(answers);
  return [
    '',
    ...(means === undefined ? [] : [screen.tint(meansLine(answers, means), 'bold')]),
    ...(answers.length === 0 ? [] : [`median ${medians(answers)}`]),
  ];
}

function meansLine(answers: readonly Answered[], means: NonNullable<Answered['quality']>): string {
  const gains = answers.flatMap(({ quality }) => (quality ? [quality.reranked - quality.firstStage] : []));
  const better = gains.filter((gain) => gain > 0).length;
  const worse = gains.filter((gain) => gain < 0).length;
  const change = `${means.firstStage.toFixed(3)} → ${means.reranked.toFixed(3)}`;
  const asked = `${gains.length} ${gains.length === 1 ? 'question' : 'questions'}`;
  return `nDCG@10 over ${asked} ${change}; ${better} better, ${worse} worse, ${gains.length - better - worse} the same`;
}

function medians(answers: readonly Answered[]): string {
  const stages = [...new Set(answers.flatMap(({ timingsMs }) => Object.keys(timingsMs)))];
  const median = (stage: string) =>
    percentile(
      answers.flatMap(({ timingsMs }) => timingsMs[stage as keyof typeof timingsMs] ?? []),
      50,
    );
  return stages.length === 0
    ? 'nothing was re-ranked'
    : `${stages.map((stage) => `${stage} ${median(stage).toFixed(1)}`).join(' · ')} ms`;
}
