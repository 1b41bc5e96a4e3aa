/** What a measurement ran on: figures of different machines, or of a busy one, do not compare. */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly platform: string;
  /** Processes that wanted a core, on the mean of the last minute, when the measurement began. */
  readonly load: number;
}

export function machineFacts(): MachineFacts {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    load: Number(loadavg()[0]!.toFixed(2)),
  };
}
