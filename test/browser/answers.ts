/** Answers of the shape that `POST /_mice/compare` promises, small enough to read. */

export const question = 'how do I hide passwords in my log output';

const sources = {
  level: {
    title: 'pino: level (String)',
    text: 'The minimum level to log: Pino will not log messages with a lower level.',
  },
  output: {
    title: 'debug: Output streams',
    text: 'By default debug will log to stderr, this can be configured per-namespace by overriding the log method.',
  },
  redact: {
    title: 'pino: Redaction',
    text: 'To redact sensitive information, supply paths to keys that hold sensitive data using the redact option.',
  },
  prompt: {
    title: 'ssh2: Client events',
    text: 'keyboard-interactive is emitted when the server asks for replies, such as passwords, to the given prompts.',
  },
  censor: {
    title: 'pino: redact > censor',
    text: 'When the redact option holds an object, censor replaces the value; the default is [Redacted].',
  },
} as const;

type Name = keyof typeof sources;

const hit = (id: Name, score: number) => ({ id, index: 'docs', score, source: sources[id] });

/** `redact` moves up from 3 to 1, `level` and `output` go down, `censor` enters from rank 14, `prompt` drops out. */
export const reordered = {
  firstStage: {
    took: 4,
    hits: [hit('level', 9.21), hit('output', 8.4), hit('redact', 7.75), hit('prompt', 7.1)],
  },
  reranked: {
    hits: [
      { ...hit('redact', 0.913), firstRank: 3 },
      { ...hit('censor', 0.744), firstRank: 14 },
      { ...hit('level', 0.12), firstRank: 1 },
      { ...hit('output', 0.02), firstRank: 2 },
    ],
  },
  verdict: { outcome: 'reranked', window: '100', scored: '100', model: 'mice-l6', took: '11' },
  timingsMs: { upstream: 4.2, query: 2.1, states: 1.4, score: 3.9, total: 10.8 },
};

export const indices = {
  indices: [
    { name: 'docs', documents: 3822 },
    { name: 'tickets', documents: 12 },
  ],
};
