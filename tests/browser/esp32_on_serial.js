// An ESP32 in download mode on a Web Serial port: enough of Espressif's serial protocol for an image to be written.
// `board.written` has what it was told to write: address, bytes and the compressed data, in base64; `board.erased`
// whether the whole flash was. Source of the commands: esptool's documentation, Serial Protocol.
const board = (globalThis.board = { written: [], erased: 0, chip: 0x00f01d83, wrong: [] });
const CHIP_ID_REGISTER = 0x40001000;
const [MEM_END, SYNC, READ_REGISTER, DEFLATE_BEGIN, DEFLATE_DATA, DEFLATE_END, ERASE] = [6, 8, 10, 16, 17, 18, 0xd0];

const port = {
  readable: null,
  writable: null,
  getInfo: () => ({}),
  setSignals: async () => {},
  open: async () => {
    if (port.readable) throw new DOMException('The port is already open.', 'InvalidStateError');
    let controller;
    let frame = null;
    const send = (bytes) => {
      const escaped = bytes.flatMap((byte) => (byte === 0xc0 ? [0xdb, 0xdc] : byte === 0xdb ? [0xdb, 0xdd] : [byte]));
      controller.enqueue(new Uint8Array([0xc0, ...escaped, 0xc0]));
    };
    port.readable = new ReadableStream({ start: (given) => void (controller = given) });
    port.writable = new WritableStream({
      write: (chunk) => {
        for (const byte of chunk) {
          if (byte !== 0xc0) frame.push(byte);
          else if (frame?.length) frame = void answer(unescaped(frame), send);
          else frame = [];
        }
      },
    });
  },
  close: async () => {
    if (port.readable.locked || port.writable.locked) throw new TypeError('A stream of the port is locked.');
    port.readable = port.writable = null;
  },
};

function unescaped(frame) {
  const bytes = [];
  for (let at = 0; at < frame.length; at++) {
    bytes.push(frame[at] !== 0xdb ? frame[at] : frame[++at] === 0xdc ? 0xc0 : 0xdb);
  }
  return new Uint8Array(bytes);
}

function answer(packet, send) {
  const command = packet[1];
  const words = (index) => new DataView(packet.buffer).getUint32(8 + 4 * index, true);
  let value = 0;
  let times = 1;
  if (command === SYNC) [value, times] = [0x20120707, 8];
  else if (command === READ_REGISTER) value = words(0) === CHIP_ID_REGISTER ? board.chip : 0;
  else if (command === ERASE) board.erased++;
  else if (command === DEFLATE_BEGIN) board.written.push({ address: words(3), bytes: words(0), data: '' });
  else if (command === DEFLATE_DATA) {
    const data = packet.subarray(24);
    if (data.reduce((sum, byte) => sum ^ byte, 0xef) !== packet[4]) board.wrong.push(words(1));
    board.written.at(-1).data += String.fromCharCode(...data);
  } else if (command === DEFLATE_END) board.written.at(-1).data = btoa(board.written.at(-1).data);
  const bytes = [1, command, 2, 0, value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24, 0, 0];
  while (times--) send(bytes);
  if (command === MEM_END) send([...'OHAI'].map((letter) => letter.charCodeAt(0)));
}

Object.defineProperty(navigator, 'serial', { value: { requestPort: async () => port } });
