// The watchdog of a VM in real time: a thread beside it that bites when it is not fed, also where the program hangs.
//
// `state`: how often it was fed, and its time-out in ms, 0 for none yet.
import fs from 'node:fs';
import { workerData } from 'node:worker_threads';

const state = new Int32Array(workerData.state);
for (;;) {
  const timeoutMs = Atomics.load(state, 1);
  if (Atomics.wait(state, 0, Atomics.load(state, 0), timeoutMs) === 'timed-out') {
    const told = `watchdog: not fed for ${timeoutMs} ms\n`;
    fs.writeSync(1, `${JSON.stringify({ out: told })}\n${JSON.stringify({ exit: workerData.exit, files: {} })}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}
