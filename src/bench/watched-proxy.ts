/** The command `mice`, in a process that tells its parent how long its event loop was kept. */
import { watchLoop } from './loop-watch.ts';

const delays = watchLoop();
process.on('message', () => process.send?.(delays()));
// The channel to the parent keeps no server alive.
process.channel?.unref();
await import('../cli/main.ts');
