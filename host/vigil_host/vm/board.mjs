// A board on a socket: MicroPython's WebAssembly build behind its own REPL, for programs that speak to a serial port.
//
// argv: the board as JSON, see socket_board.py. The VM runs in a thread (board_worker.mjs), so that this one can hear
// Ctrl-C, reset the board, cut its power, and be the watchdog. stdout tells the port and each start, a JSON object a
// line; each line on stdin is a command: {"unplug_after": bytes} or {"press_reset": true}.
import fs from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';
import { Worker } from 'node:worker_threads';

const POWER_ON = 1;
const HARD_RESET = 2;
const WATCHDOG_RESET = 3;
const SOFT_RESET = 5;
const CTRL_C = 3;
const RING_BYTES = 1 << 20;
const LOOK_MS = 50;

const board = JSON.parse(process.argv[2]);
// Of the ring: bytes in, bytes out, whether Ctrl-C came, whether a program runs, as one does at each start.
const state = new Int32Array(new SharedArrayBuffer(16));
const ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
const watch = { timeoutMs: 0, fedMs: 0 };
let vm = null;
let line = null;
let unplugAfter = null;

function tell(message) {
  fs.writeSync(1, JSON.stringify(message) + '\n');
}

/** Starts the VM; what is running is gone, wherever it was. */
async function start(cause, isRaw = false) {
  const old = vm;
  vm = null;
  if (old) await old.terminate();
  if (cause !== SOFT_RESET) Object.assign(watch, { timeoutMs: 0, fedMs: 0 });
  state.set([0, 0, 0, 1]);
  tell({ start: cause });
  const started = new Worker(new URL('board_worker.mjs', import.meta.url), {
    workerData: { ...board, cause, isRaw, state, ring },
  });
  vm = started;
  started.on('message', (message) => {
    if (started !== vm) return;
    if ('out' in message) line?.write(message.out);
    else if ('watch' in message) Object.assign(watch, { timeoutMs: message.watch, fedMs: performance.now() });
    else if ('fed' in message) watch.fedMs = performance.now();
    else if ('reset' in message) start(message.reset, message.isRaw);
  });
  started.on('error', (error) => tell({ error: String(error.stack) }));
}

function bite() {
  if (!watch.timeoutMs || performance.now() - watch.fedMs <= watch.timeoutMs) return;
  tell({ bitten: watch.timeoutMs });
  start(WATCHDOG_RESET);
}

function hear(bytes) {
  for (const byte of bytes) {
    if (byte === CTRL_C && Atomics.load(state, 3)) {
      Atomics.store(state, 2, 1);
    } else {
      const count = Atomics.load(state, 0);
      ring[count % RING_BYTES] = byte;
      Atomics.store(state, 0, (count + 1) | 0);
    }
  }
  Atomics.notify(state, 0);
}

/** The cable is pulled out: the line is gone, and so is the board's power. */
function unplug() {
  unplugAfter = null;
  line?.destroy();
  line = null;
  tell({ unplugged: true });
  start(POWER_ON);
}

const server = net.createServer((socket) => {
  line?.destroy();
  line = socket;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('close', () => { if (line === socket) line = null; });
  socket.on('data', (bytes) => {
    if (unplugAfter !== null) {
      unplugAfter -= bytes.length;
      if (unplugAfter < 0) {
        unplug();
        return;
      }
    }
    hear(bytes);
  });
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
readline.createInterface({ input: process.stdin }).on('line', (text) => {
  const command = JSON.parse(text);
  if ('unplug_after' in command) unplugAfter = command.unplug_after;
  if ('press_reset' in command) start(HARD_RESET);
}).on('close', () => process.exit(0));
setInterval(bite, LOOK_MS);
start(POWER_ON);
