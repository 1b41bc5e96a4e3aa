/** A process that starts the engine named by its argument, says where it is, and waits to be killed. */
import { startEngine } from '../../src/engine/embedded/start.ts';

const { pid, directory } = await startEngine({
  engine: process.argv[2] === 'elasticsearch' ? 'elasticsearch' : 'opensearch',
});
process.stdout.write(`${JSON.stringify({ pid, directory })}\n`);
