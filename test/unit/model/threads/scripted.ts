/** A model thread that does as the texts of a task say, to show what the pool makes of it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Reply, Request } from '../../../../src/model/tasks.ts';

/** [0] 1 = the gate is open; [1] starts of threads; [2] 1 = threads cannot start. */
const shared = new Int32Array((workerData as { shared: SharedArrayBuffer }).shared);
const port = parentPort!;
const reply = (message: Reply) => port.postMessage(message);

function obey(text: string): void {
  if (text === 'die') process.exit(1);
  if (text === 'throw')
    setImmediate(() => {
      throw new Error('thrown outside a task');
    });
  else if (text === 'fail')
    reply({ kind: 'failed', fault: { code: 'states-foreign', message: 'as told', hint: 'h' } });
  else {
    // Blocks this thread as an inference does.
    if (text.startsWith('hold')) Atomics.wait(shared, 0, 0);
    reply({ kind: 'done', answer: text });
  }
}

Atomics.add(shared, 1, 1);
if (Atomics.load(shared, 2) === 1) {
  reply({ kind: 'unready', fault: { code: 'bundle-invalid', message: 'no such graph', hint: undefined } });
} else {
  port.on('message', (request: Request) => {
    if (request.kind === 'close') port.close();
    else if (request.kind === 'queries') obey(request.texts.join('+'));
  });
  reply({ kind: 'ready' });
}
