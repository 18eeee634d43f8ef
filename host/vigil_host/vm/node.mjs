// Runs one program in MicroPython's WebAssembly build, as the child of runner.py.
//
// Both ways one JSON object a line: stdin brings the job and then the parent's answers, stdout carries output and
// calls. A call blocks the VM until its answer is there. Integers cross into JavaScript as int32, so everything
// wider travels as text.
import { createCipheriv, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

const NEWLINE = 10;

let rest = Buffer.alloc(0);

/** The parent's next line; the process ends when the parent is gone. */
function receive() {
  const parts = [];
  for (let chunk = rest; ;) {
    const end = chunk.indexOf(NEWLINE);
    if (end >= 0) {
      rest = chunk.subarray(end + 1);
      parts.push(chunk.subarray(0, end));
      return JSON.parse(Buffer.concat(parts).toString());
    }
    parts.push(chunk);
    const space = Buffer.allocUnsafe(65536);
    const count = fs.readSync(0, space);
    if (count === 0) process.exit(1);
    chunk = space.subarray(0, count);
  }
}

function send(message) {
  const bytes = Buffer.from(JSON.stringify(message) + '\n');
  try {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(1, bytes, at);
  } catch (error) {
    if (error.code === 'EPIPE') process.exit(1);
    throw error;
  }
}

/** A byte sink that hands on whole lines, and what is left over on flush(). */
function lines(stream) {
  let bytes = [];
  const flush = () => {
    if (bytes.length) send({ [stream]: Buffer.from(bytes).toString() });
    bytes = [];
  };
  const write = (chunk) => {
    for (const byte of chunk) {
      bytes.push(byte);
      if (byte === NEWLINE) flush();
    }
  };
  return { write, flush };
}

/** The VM's clock, in ms: it follows the sleeps in virtual time and the machine's steady clock in real time. */
function makeClock(virtual) {
  const base = virtual ? Date.UTC(2026, 0, 1) : Date.now();
  const start = performance.now();
  let slept = 0;
  return {
    now: () => base + (virtual ? slept : Math.floor(performance.now() - start)),
    advance: (ms) => { slept += ms; },
  };
}

function copyIn(FS, from, to) {
  if (!fs.statSync(from).isDirectory()) {
    FS.writeFile(to, fs.readFileSync(from));
    return;
  }
  if (!FS.analyzePath(to).exists) FS.mkdir(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory() ? entry.name !== '__pycache__' : entry.name.endsWith('.py')) {
      copyIn(FS, path.join(from, entry.name), `${to}/${entry.name}`);
    }
  }
}

const job = receive();
const clock = makeClock(job.virtual);
const out = lines('out');
const err = lines('err');

// MicroPython's ticks count from the Date.now() it saw while loading.
Date.now = () => clock.now() - job.start_ticks_ms;
const { loadMicroPython } = await import(pathToFileURL(path.join(job.vm, 'micropython.mjs')));
const vm = await loadMicroPython({ linebuffer: false, stdout: out.write, stderr: err.write });
Date.now = clock.now;

vm.FS.mkdir('/lib');
for (const [to, from] of job.modules) copyIn(vm.FS, from, `/lib/${to}`);
for (const [name, content] of Object.entries(job.files)) {
  vm.FS.mkdirTree(path.posix.dirname(path.posix.join('/', name)));
  vm.FS.writeFile(name, Buffer.from(content, 'base64'));
}

const events = [];
const fed = new Int32Array(new SharedArrayBuffer(8));
let exitCode = 1;
let later = '';

/** The last words of the VM: what it printed, how it ended, and the files that were asked for. */
function finish(code) {
  out.flush();
  err.flush();
  const files = {};
  for (const name of job.files_out) {
    if (vm.FS.analyzePath(name).exists) files[name] = Buffer.from(vm.FS.readFile(name)).toString('base64');
  }
  send({ exit: code, files });
  process.exit(0);
}

// An error thrown in here would end the VM and not reach Python: what can fail is answered as a value.
vm.registerJsModule('_host', {
  program: () => JSON.stringify(job.program),
  exit: (code) => { exitCode = code; },
  /** Ends the VM at once, whatever the program would catch. */
  die: finish,
  /** Arms the watchdog, or arms it anew; virtual time stands still while a program hangs, so nothing watches there. */
  watch: (timeoutMs, exit) => {
    if (job.virtual) return;
    const isNew = Atomics.exchange(fed, 1, timeoutMs) === 0;
    if (isNew) new Worker(new URL('watchdog.mjs', import.meta.url), { workerData: { state: fed.buffer, exit } });
  },
  fed: () => {
    Atomics.add(fed, 0, 1);
    Atomics.notify(fed, 0);
  },
  /** Runs `text` when this call of the VM is over: garbage is collected between two calls, and nowhere else. */
  later: (text) => { later = text; },
  /** One call of the parent's bluetooth.BLE; JSON text in and out. */
  ble: (text) => {
    send({ ble: JSON.parse(text) });
    return JSON.stringify(receive());
  },
  /** Sleeps up to `ms` and returns for how many; real sleep ends early when BLE events arrive. */
  sleep: (ms) => {
    if (job.virtual) {
      clock.advance(ms);
      return ms;
    }
    const start = performance.now();
    send({ sleep: ms });
    events.push(...receive().events);
    return Math.floor(performance.now() - start);
  },
  /** The oldest BLE event as JSON text, or "". */
  nextEvent: () => (events.length ? JSON.stringify(events.shift()) : ''),
  random: (count) => randomBytes(count).toString('hex'),
  aesEcb: (key, data) => {
    const cipher = createCipheriv(`aes-${key.length * 4}-ecb`, Buffer.from(key, 'hex'), null).setAutoPadding(false);
    return cipher.update(data, 'hex', 'hex');
  },
});

try {
  vm.runPython('import _start');
  while (later) {
    const text = later;
    later = '';
    vm.runPython(text);
  }
} catch (error) {
  exitCode = 1;
  err.write(Buffer.from(`the VM stopped: ${error.message}\n`));
}
finish(exitCode);
