/** `npm test`: format, lint and types, then every suite. The last line is `N passed, N failed`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, '.cache', 'test-results.json');

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Runs a package's command on this Node.js; true when it succeeds. */
function succeeds(command: string, args: readonly string[]): boolean {
  const bin = join(root, 'node_modules', '.bin', command);
  const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
  return (
    spawnSync(bin, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } }).status === 0
  );
}

const checks = [succeeds('biome', ['check', '.']), succeeds('tsc', ['--noEmit'])];
mkdirSync(dirname(results), { recursive: true });
rmSync(results, { force: true });
const ran = succeeds('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${results}`,
  ...process.argv.slice(2),
]);

const { passed, failed } = count();
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

function count(): { passed: number; failed: number } {
  const passedChecks = checks.filter((check) => check).length;
  const failedChecks = checks.length - passedChecks;
  try {
    const read = JSON.parse(readFileSync(results, 'utf8')) as Results;
    reportSkipped(read);
    // A suite that fails outside of its tests, in a hook say, must not pass for a success.
    const failedTests = Math.max(read.numFailedTests, ran ? 0 : 1);
    return { passed: read.numPassedTests + passedChecks, failed: failedTests + failedChecks };
  } catch {
    return { passed: passedChecks, failed: failedChecks + 1 };
  }
}

function reportSkipped({ testResults }: Results): void {
  for (const { name, assertionResults } of testResults) {
    const skipped = assertionResults.filter(
      ({ status }) => status === 'skipped' || status === 'pending',
    ).length;
    if (skipped > 0) process.stdout.write(`skipped ${skipped} of ${name.replace(`${root}/`, '')}\n`);
  }
}
