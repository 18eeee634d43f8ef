# Runs inside MicroPython: what an advert and a sealed frame cost the device. Writes results.json. With the argument
# "without-aes" the block cipher is left out: it is not the board's own in every VM.
import gc
import json
import sys

from vigil_wire import advert, link, statuses

try:
    from js import performance  # this VM's `time` stands still while it computes

    def now_us():
        return performance.now() * 1000

except ImportError:
    from time import ticks_us as now_us

KEY = bytes(range(16))
ROUNDS = 30
REPEATS = 40
ITERATIONS = 3000
MESSAGE_LENGTH = 160


CALLS = [0]


def no_cipher(block, out):
    CALLS[0] += 1


class NoCipher:
    # Stands in for the block cipher, and counts how often it is asked: what is left is our own bytecode.
    def __init__(self, key):
        self.encrypt_into = no_cipher


def advert_maker():
    sealer = advert.AdvertSealer(KEY)
    content = bytearray(advert.CONTENT_LENGTH)
    states = [statuses.VALIDATED] * 3
    values = [723, 975, 3712, 25, 87, 0x12345]
    counter = [0]

    def make():
        counter[0] += 1
        advert.pack_content(content, 0, states, 3, values)
        sealer.seal(content, 0, 1, counter[0])

    return make


def sessions():
    host, device = link.Session(KEY, False), link.Session(KEY, True)
    for session in (host, device):
        session.begin(b"hostside", b"wearable")
    return host, device


def frame_sealer():
    _, device = sessions()
    return lambda: device.seal(MESSAGE_LENGTH)


def frame_opener(frames):
    # Opens frames that were sealed before, each in its own buffer.
    host, device = sessions()
    for frame in frames:
        length = device.seal(MESSAGE_LENGTH)
        for index in range(length):
            frame[index] = device.out[index]
    at = [0]

    def open_next():
        host.open(frames[at[0]], MESSAGE_LENGTH + link.OVERHEAD)
        at[0] += 1

    return open_next


def empty_loop():
    for _ in range(ITERATIONS):
        pass


def cipher_calls(make):
    # How often one action asks the block cipher.
    action = make()
    CALLS[0] = 0
    action()
    return CALLS[0]


def shortest_us(actions):
    least = [1e9] * len(actions)
    for _ in range(ROUNDS):
        for index, make in enumerate(actions):
            action = make()
            gc.collect()
            begun = now_us()
            for _ in range(REPEATS):
                action()
            least[index] = min(least[index], (now_us() - begun) / REPEATS)
    return least


def heap_bytes(make):
    action = make()
    action()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(REPEATS - 1):
        action()
    grown = gc.mem_alloc() - before
    gc.enable()
    return grown / (REPEATS - 1)


FRAMES = [bytearray(MESSAGE_LENGTH + link.OVERHEAD) for _ in range(REPEATS)]
ACTIONS = (("advert", advert_maker), ("seal", frame_sealer), ("open", lambda: frame_opener(FRAMES)))

if "without-aes" in sys.argv:
    # Both ends leave the cipher out, so an opener finds every frame right.
    advert.Aes = link.Aes = NoCipher
results = {name + "_heap": heap_bytes(make) for name, make in ACTIONS}
if "without-aes" in sys.argv:
    block = bytearray(16)

    def call():
        no_cipher(block, block)

    *timed, call_us, loop_us = shortest_us([make for _, make in ACTIONS] + [lambda: call, lambda: empty_loop])
    for index in range(len(timed)):
        calls = cipher_calls(ACTIONS[index][1])
        timed[index] -= calls * call_us
        results[ACTIONS[index][0] + "_calls"] = calls
else:
    *timed, loop_us = shortest_us([make for _, make in ACTIONS] + [lambda: empty_loop])
results["iteration_us"] = loop_us / ITERATIONS
for index in range(len(timed)):
    results[ACTIONS[index][0]] = timed[index] / results["iteration_us"]

with open("results.json", "w") as file:
    json.dump(results, file)
