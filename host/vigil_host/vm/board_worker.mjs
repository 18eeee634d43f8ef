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
const END = 4;
const RAW_PASTE = 5;
const WINDOW_BYTES = 2048;
const ENOSPC = 51; // Emscripten's number

const tell = (message) => parentPort.postMessage(message);
let swallow = 0;
/** Hands on what the VM prints, but for the first bytes of it that are to be swallowed. */
function out(chunk) {
  const kept = chunk.subarray(swallow);
  swallow -= chunk.length - kept.length;
  if (kept.length) tell({ out: Uint8Array.from(kept) });
}
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
    return Math.max(1, Math.floor(performance.now() - from));
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
FS.mkdir('/wiring');
for (const [to, from] of workerData.modules) copyIn(from, `/builtin/${to}`);
for (const [to, from] of workerData.wiring) copyIn(from, `/wiring/${to}`);
copyIn(flash, '/');

const isFlash = (name) => !/^\/+(builtin|wiring|dev|proc|tmp|home)(\/|$)/.test(path.posix.resolve('/', name));
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
sys.path[:] = ["/wiring", "/builtin", ".frozen"]
import machine
machine.attach_reset_cause(${cause})
${workerData.setup}
sys.path[:] = ["", "/builtin", ".frozen", "/lib"]
for _name in list(sys.modules):
    if _name.startswith("vigil_"):
        del sys.modules[_name]
`);
for (const name of ['boot.py', 'main.py']) {
  if (FS.analyzePath(`/${name}`).exists && !(isRaw && name === 'main.py')) run(FS.readFile(`/${name}`, { encoding: 'utf8' }));
}
Atomics.store(state, 3, 0);
Atomics.store(state, 2, 0); // what came when nothing ran stops nothing
const time = vm.pyimport('time');
let inRaw = isRaw;
vm.replInit();
if (isRaw) vm.replProcessChar(CTRL_A);

/** The next byte of the line; timers run, and the watchdog looks, while there is none. */
function nextByte() {
  for (;;) {
    const at = Atomics.load(state, 1);
    if (Atomics.load(state, 0) !== at) {
      Atomics.store(state, 1, (at + 1) | 0);
      return ring[at % ring.length];
    }
    time.sleep_ms(0);
    waitForInput(LOOK_MS);
  }
}

/** Gives the REPL a byte; what ends a program in the raw REPL runs it, and Ctrl-C stops it then. */
function give(byte) {
  if (byte === END && inRaw) Atomics.store(state, 3, 1);
  const result = vm.replProcessChar(byte);
  Atomics.store(state, 3, 0);
  return result;
}

/** Raw paste, which this build of MicroPython lacks: a window of bytes at a time, and Ctrl-D for OK. */
function rawPaste() {
  nextByte();
  nextByte();
  out(Buffer.from([0x52, 1, WINDOW_BYTES & 0xff, WINDOW_BYTES >> 8]));
  let count = 0;
  for (let byte = nextByte(); byte !== END; byte = nextByte()) {
    vm.replProcessChar(byte);
    count += 1;
    if (count % WINDOW_BYTES === 0) out(Buffer.from([1]));
  }
  out(Buffer.from([END]));
  swallow = 2;
  return give(END);
}

for (;;) {
  const byte = nextByte();
  if (byte === CTRL_A || byte === CTRL_B) inRaw = byte === CTRL_A;
  const result = inRaw && byte === RAW_PASTE ? rawPaste() : give(byte);
  if (result & FORCED_EXIT) {
    out(Buffer.from(inRaw ? 'OK\r\nMPY: soft reboot\r\n' : '\r\nMPY: soft reboot\r\n'));
    reset(SOFT_RESET, inRaw);
  }
}
