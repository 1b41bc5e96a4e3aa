/** What the measurements with the documentation of the installed packages have in common. */
import type { EngineName } from '../engine/port.ts';

export interface DocumentationBench {
  /** Directory with `package-lock.json` and `node_modules`, whose documentation is the corpus. */
  readonly root: string;
  readonly engine: EngineName;
  readonly documents: number;
  /** Questions of a round, of those that the demo asks. */
  readonly questions: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onRound: () => void;
}
