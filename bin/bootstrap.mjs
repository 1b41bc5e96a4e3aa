/**
 * Runs a TypeScript entry of a fresh checkout: installs what package-lock.json pins when that has changed,
 * then starts the entry on a Node.js that runs TypeScript, the checkout's own one where the caller's is older.
 * Plain JavaScript, because it has to run on whatever Node.js the machine has.
 *
 *   node bin/bootstrap.mjs ENTRY.ts [ARGUMENT…]
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Node.js 22.19 is the first of the 22 line that the dependencies accept; it runs TypeScript without a flag. */
const OLDEST = [22, 19];

function install() {
  const stamp = join(root, 'node_modules', '.mice-bridge-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (isInstalled(stamp, wanted)) return;
  const lock = join(root, '.cache', 'install.lock');
  mkdirSync(dirname(lock), { recursive: true });
  while (!takeLock(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  let status = 0;
  try {
    if (!isInstalled(stamp, wanted)) status = npmCi();
    if (status === 0) writeFileSync(stamp, wanted);
  } finally {
    rmSync(lock, { force: true });
  }
  if (status === 0) return;
  process.stderr.write('npm ci failed. It needs a reachable npm registry and about 900 MB of disk.\n');
  process.exit(status);
}

function isInstalled(stamp, wanted) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/** True when this process may install; a lock whose holder is gone is taken over. */
function takeLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
  } catch {
    rmSync(lock, { force: true });
  }
  return false;
}

function npmCi() {
  process.stderr.write('Installing the packages that package-lock.json pins …\n');
  const npm = spawnSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--progress=true'],
    // ONNX Runtime's CPU library is inside its package; its install script would fetch CUDA besides.
    { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } },
  );
  return npm.status ?? 1;
}

function node() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return process.execPath;
  const own = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(own)) return own;
  process.stderr.write(
    `Node.js ${OLDEST.join('.')} or newer is needed; this is ${process.version}, and the repository brings its own only for Linux.\n`,
  );
  return process.exit(2);
}

/**
 * The heap's young part is collected at a stroke, which takes the longer the more of it there is: with 16 MiB, Node.js's
 * default, a proxy under load stood still for up to 10 ms, with 4 for up to 5 (docs/performance.md).
 */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];

/** Runs `entry` (relative to the checkout) and exits with its status. */
export function run(entry, args) {
  install();
  const child = spawn(node(), [...FLAGS, join(root, entry), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) {
    process.stderr.write('usage: node bin/bootstrap.mjs ENTRY.ts [ARGUMENT…]\n');
    process.exit(2);
  }
  run(entry, args);
}
