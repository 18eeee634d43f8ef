// One start of the board of board.mjs: its file system is a folder of this machine, its REPL the ring of bytes.
import { createCipheriv, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { state, ring, flash, capacity, cause, isRaw } = workerData;
const HARD_RESET = 2;
const SOFT_RESET = 5;
const WATCHDOG_RESET = 3;
const EXIT_WATCHDOG = 121;
const FORCED_EXIT = 0x100;
const CTRL_A = 1;
const CTRL_B = 2;
const LOOK_MS = 50;
const BLOCK_BYTES = 4096;
const ENOSPC = 51; // Emscripten's number
const start = performance.now();

const tell = (message) => parentPort.postMessage(message);
const out = (chunk) => tell({ out: Uint8Array.from(chunk) });
const { loadMicroPython } = await import(pathToFileURL(path.join(workerData.vm, 'micropython.mjs')));
const vm = await loadMicroPython({ linebuffer: false, stdout: out, stderr: out });
const FS = vm.FS;

/** Ends this start; the parent begins another, and ends this thread whatever it does until then. */
function reset(kind, raw = false) {
  tell({ reset: kind, isRaw: raw });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Waits up to `ms` for a change of the ring or for Ctrl-C. */
function waitForInput(ms) {
  Atomics.wait(state, 0, Atomics.load(state, 1), ms);
}

let handles = 20;
const radio = {
  config: ([name]) => ({ mac: [0, { b: '0256494749' + '4c' }], mtu: 256 }[name] ?? null),
  gatts_register_services: ([services]) => services.map(([, characteristics]) =>
    characteristics.flatMap(([, , descriptors]) => [null, ...(descriptors ?? [])].map(() => ++handles))),
  gatts_read: () => ({ b: '' }),
};
let uptime = 0;

vm.registerJsModule('_host', {
  /** Nobody is near: the radio takes every call and brings no event. */
  ble: (text) => {
    const [name, args] = JSON.parse(text);
    return JSON.stringify({ value: radio[name]?.(args) ?? null });
  },
  nextEvent: () => '',
  sleep: (ms) => {
    if (Atomics.exchange(state, 2, 0)) return -1;
    if (ms === 0) return 0;
    const from = performance.now();
    const piece = Math.min(ms, LOOK_MS);
    Atomics.wait(state, 2, 0, piece);
    uptime = performance.now();
    return Math.max(1, Math.floor(uptime - from));
  },
  random: (count) => randomBytes(count).toString('hex'),
  aesEcb: (key, data) => {
    const cipher = createCipheriv(`aes-${key.length * 4}-ecb`, Buffer.from(key, 'hex'), null).setAutoPadding(false);
    return cipher.update(data, 'hex', 'hex');
  },
  watch: (timeoutMs) => tell({ watch: timeoutMs }),
  fed: () => tell({ fed: true }),
  die: (code) => reset(code === EXIT_WATCHDOG ? WATCHDOG_RESET : HARD_RESET),
});

function copyIn(from, to) {
  if (!fs.statSync(from).isDirectory()) {
    FS.writeFile(to, fs.readFileSync(from));
    return;
  }
  if (!FS.analyzePath(to).exists) FS.mkdir(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.name !== '__pycache__') copyIn(path.join(from, entry.name), `${to}/${entry.name}`);
  }
}

// What stands in for the board's built-in modules is read-only, and not part of its flash.
FS.mkdir('/builtin');
for (const [to, from] of workerData.modules) copyIn(from, `/builtin/${to}`);
copyIn(flash, '/');

const isFlash = (name) => !/^\/+(builtin|dev|proc|tmp|home)(\/|$)/.test(path.posix.resolve('/', name));
const onDisk = (name) => path.join(flash, path.posix.resolve('/', name));
const blocks = (bytes) => Math.ceil(bytes / BLOCK_BYTES);

/** Blocks of the flash that are taken. */
function used(folder = '/') {
  let count = 0;
  for (const name of FS.readdir(folder)) {
    const at = path.posix.join(folder, name);
    if (name === '.' || name === '..' || !isFlash(at)) continue;
    const stat = FS.stat(at);
    count += FS.isDir(stat.mode) ? 2 + used(at) : blocks(stat.size);
  }
  return count;
}

function hook(name, before, after) {
  const inner = FS[name];
  FS[name] = (...args) => {
    before?.(...args);
    const result = inner.apply(FS, args);
    after?.(...args);
    return result;
  };
}

hook('write', (stream, _, __, length) => {
  if (stream.path && isFlash(stream.path)) {
    const more = blocks(stream.position + length) - blocks(stream.node.usedBytes ?? 0);
    if (more > 0 && used() + more > capacity / BLOCK_BYTES) throw new FS.ErrnoError(ENOSPC);
  }
}, (stream) => {
  // Each write is on the flash when it returns: a cut leaves the part of a file that was written.
  if (stream.path && isFlash(stream.path)) fs.writeFileSync(onDisk(stream.path), FS.readFile(stream.path));
});
hook('open', null, (name, flags) => {
  const makes = typeof flags === 'string' ? /[wa+]/.test(flags) : flags & 0o100;
  if (makes && isFlash(name)) fs.writeFileSync(onDisk(name), FS.readFile(name));
});
hook('mkdir', null, (name) => { if (isFlash(name)) fs.mkdirSync(onDisk(name), { recursive: true }); });
hook('unlink', null, (name) => { if (isFlash(name)) fs.rmSync(onDisk(name), { force: true }); });
hook('rmdir', null, (name) => { if (isFlash(name)) fs.rmdirSync(onDisk(name)); });
hook('rename', null, (from, to) => { if (isFlash(to)) fs.renameSync(onDisk(from), onDisk(to)); });
FS.statfs = () => ({
  bsize: BLOCK_BYTES, frsize: BLOCK_BYTES, blocks: capacity / BLOCK_BYTES,
  bfree: capacity / BLOCK_BYTES - used(), bavail: capacity / BLOCK_BYTES - used(),
  files: 0, ffree: 0, fsid: 0, flags: 0, namelen: 255,
});

/** Runs a program as the board does at its start; SystemExit and Ctrl-C end it, and what else it raises is printed. */
function run(program) {
  Atomics.store(state, 3, 1);
  vm.runPython(`
import sys as _sys
try:
    exec(compile(${JSON.stringify(program)}, "<board>", "exec"), {"__name__": "__main__"})
except SystemExit:
    pass
except BaseException as _error:
    _sys.print_exception(_error)
`);
  Atomics.store(state, 3, 0);
}

vm.runPython(`
import sys
sys.path[:] = ["", "/builtin", ".frozen", "/lib"]
import machine
machine.attach_reset_cause(${cause})
${workerData.setup}
`);
for (const name of ['boot.py', 'main.py']) {
  if (FS.analyzePath(`/${name}`).exists && !(isRaw && name === 'main.py')) run(FS.readFile(`/${name}`, { encoding: 'utf8' }));
}
const time = vm.pyimport('time');
let inRaw = isRaw;
vm.replInit();
if (isRaw) vm.replProcessChar(CTRL_A);
for (;;) {
  const at = Atomics.load(state, 1);
  if (Atomics.load(state, 0) === at) {
    time.sleep_ms(0); // timers, and the watchdog's look
    waitForInput(LOOK_MS);
    continue;
  }
  const byte = ring[at % ring.length];
  Atomics.store(state, 1, (at + 1) | 0);
  if (byte === CTRL_A || byte === CTRL_B) inRaw = byte === CTRL_A;
  if (byte === 4 && inRaw) Atomics.store(state, 3, 1);
  const result = vm.replProcessChar(byte);
  Atomics.store(state, 3, 0);
  if (result & FORCED_EXIT) {
    out(Buffer.from(inRaw ? 'OK\r\nMPY: soft reboot\r\n' : '\r\nMPY: soft reboot\r\n'));
    reset(SOFT_RESET, inRaw);
  }
}
