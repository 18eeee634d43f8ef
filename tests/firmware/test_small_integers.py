"""No integer on the signal path needs more than the 30 bits of a board's small integer, whatever the part delivers."""

import ast
import copy
import importlib
import math
import random
import sys
from array import array
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

import vigil_firmware.signal
from vigil_firmware.vitals import Vitals
from vigil_wire import statuses

_PACKAGE = "vigil_firmware.signal"
_MODULES = [path.stem for path in Path(vigil_firmware.signal.__file__).parent.glob("*.py") if path.stem != "__init__"]
_SMALL = 1 << 30
_FULL_SCALE = 262_143


class Guard:
    """Takes the result of every operation and call. `seen`: all that ever came; `largest`: the largest magnitude."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.largest = 0

    def __call__(self, where: str, value: Any) -> Any:
        """Return `value`; AssertionError when it is an integer too large."""
        self.seen.add(where)
        if isinstance(value, int):
            assert -_SMALL <= value < _SMALL, f"{where}: {value}"
            self.largest = max(self.largest, abs(value))
        return value


class Guarding(ast.NodeTransformer):
    """Puts every operation and call of a module through `guard`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.operations: list[str] = []

    def _guarded(self, node: Any) -> ast.Call:
        where = f"{self._module}:{node.lineno}: {ast.unparse(node)}"
        if not isinstance(node, ast.Call):
            self.operations.append(where)
        self.generic_visit(node)
        return ast.Call(ast.Name("guard", ast.Load()), [ast.Constant(where), node], [])

    visit_BinOp = visit_UnaryOp = visit_Call = _guarded  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        """Its annotation is no operation."""
        if node.value:
            node.value = self.visit(node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.Assign:
        """An operation and an assignment."""
        value: Any = copy.deepcopy(node.target)
        value.ctx = ast.Load()
        operation = ast.copy_location(ast.BinOp(value, node.op, node.value), node)
        return ast.Assign([node.target], self._guarded(operation))


class Loader(SourceFileLoader):
    """Loads a module from its source as `Guarding` makes it."""

    def __init__(self, name: str, path: str, guard: Guard) -> None:
        super().__init__(name, path)
        self._guard = guard

    def get_code(self, fullname: str) -> CodeType:
        """What to run: never what is cached of the plain module."""
        tree = ast.parse(self.get_data(self.path))
        guarding = Guarding(fullname.rpartition(".")[2])
        return compile(ast.fix_missing_locations(guarding.visit(tree)), self.path, "exec")

    def exec_module(self, module: Any) -> None:
        """Run it, with the guard at hand."""
        module.guard = self._guard
        super().exec_module(module)


class Finder:
    """Finds the modules of the signal path for `Loader`."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """As a finder of `sys.meta_path`."""
        spec = PathFinder.find_spec(name, path) if name.startswith(_PACKAGE) else None
        if spec and spec.origin:
            spec.loader = Loader(name, spec.origin, self._guard)
        return spec


@pytest.fixture(scope="module")
def guard() -> Guard:
    """The guard of all that `path` makes."""
    return Guard()


@pytest.fixture(scope="module")
def path(guard: Guard) -> Iterator[Any]:
    """The classes PulseOximeter and Motion, with every operation guarded, and those of all that they use."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "meta_path", [Finder(guard), *sys.meta_path])
        monkeypatch.setattr(vigil_firmware, "signal", vigil_firmware.signal)
        for name in (_PACKAGE, *(f"{_PACKAGE}.{module}" for module in _MODULES)):
            importlib.import_module(name)
            monkeypatch.delitem(sys.modules, name)
        modules = {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in _MODULES}
        assert all(module.guard is guard for module in modules.values())
    yield SimpleNamespace(oximeter=modules["pulse_oximeter"].PulseOximeter, motion=modules["motion"].Motion)


def _add(signal: Any, red: int, ir: int) -> None:
    """Add what is too dark or clipped too, as if it were neither: what is refused today may be judged tomorrow."""
    signal._contact_least = signal._clean_from = 0
    signal.add(red, ir)
    signal._clean_from = 0


def _judge(signal: Any, vitals: Vitals, rate: int) -> None:
    signal.judge(vitals, rate)
    signal.judge_respiration(vitals, rate)


def _shape(kind: str, count: int, low: int, high: int, period: float, chance: random.Random) -> int:
    phase = count % period / period
    if kind == "hold":
        return low
    if kind == "square":
        return low if phase < 0.5 else high
    if kind == "alternating":
        return low if count // period % 2 and phase < 0.6 else high
    if kind == "saw":
        return low + round((high - low) * phase)
    if kind == "sine":
        return (low + high + round((high - low) * math.sin(2 * math.pi * phase))) // 2
    return chance.randint(min(low, high), max(low, high))


_COUNTS = st.one_of(st.sampled_from([0, 1, 20_000, _FULL_SCALE]), st.integers(0, _FULL_SCALE))
_KINDS = ("hold", "square", "alternating", "saw", "sine", "random")
_STRETCHES = st.lists(st.tuples(st.sampled_from(_KINDS), _COUNTS, _COUNTS, st.floats(3, 70)), min_size=1, max_size=3)
_CODES = st.one_of(st.sampled_from([0, 1, 255]), st.integers(0, 255))
# Red on its own, or infrared's light as seen by red: by how much stronger, and around which counts.
_RED = st.one_of(_STRETCHES, st.tuples(st.sampled_from([0.001, 0.1, 0.9, 1, 4, 100]), _COUNTS))


@settings(max_examples=80)
@given(
    _STRETCHES,
    _RED,
    st.lists(st.tuples(_CODES, _CODES), max_size=4),
    st.sampled_from([0, 12_500, 25_000, 50_000]),
    st.randoms(use_true_random=False),
)
def test_every_integer_stays_small(
    path: Any, guard: Guard, ir: Any, red: Any, codes: Any, rate: int, chance: random.Random
) -> None:
    """Any light under any change of the LED codes, with silent channels and with ratios that no blood has."""
    signal, vitals, guard.largest = path.oximeter(), Vitals(), 0
    before = (63, 63)
    for count in range(400):
        light = _shape(*_stretch(ir, count), chance)
        is_seen = isinstance(red, tuple)
        _add(signal, _seen_by_red(light, *red) if is_seen else _shape(*_stretch(red, count), chance), light)
        if count % 70 == 69 and count // 70 < len(codes):
            after = codes[count // 70]
            signal.rescale(before[0], after[0], before[1], after[1])
            before = after
        if count % 25 == 24:
            _judge(signal, vitals, rate)
    target(float(guard.largest))


def _seen_by_red(light: int, part: float, steady: int) -> int:
    return min(_FULL_SCALE, max(0, round(steady + (light - _FULL_SCALE // 2) * part)))


def _stretch(stretches: Any, count: int) -> Any:
    kind, low, high, period = stretches[count * len(stretches) // 400]
    return kind, count, low, high, period


@pytest.mark.parametrize("red_full", [0, 1, 30, _FULL_SCALE])
@pytest.mark.parametrize("period", [7, 25, 63])
@pytest.mark.parametrize("low", [0, 131_072])
def test_every_integer_stays_small_at_full_swing(path: Any, low: int, period: int, red_full: int) -> None:
    signal, vitals = path.oximeter(), Vitals()
    for channels in (slice(None), slice(None, None, -1)):  # the silent channel is red, and then infrared
        for count in range(300):
            ir = low if count % period * 2 < period else _FULL_SCALE
            _add(signal, *(ir * red_full // _FULL_SCALE, ir)[channels])
            if count % 25 == 24:
                _judge(signal, vitals, 25_000)
        assert vitals.pulse_rate.status not in (statuses.UNAVAILABLE, statuses.ACQUIRING)


def test_every_integer_stays_small_when_led_codes_change_again_and_again(path: Any) -> None:
    signal, vitals = path.oximeter(), Vitals()
    before = 63
    for count in range(1500):
        light = 0 if count % 25 < 12 else _FULL_SCALE
        _add(signal, light, light)
        if count % 10 == 9:
            after = (255, 6, 255, 1, 255, 63)[count // 10 % 6]
            signal.rescale(before, after, before, after)
            before = after
        if count % 25 == 24:
            _judge(signal, vitals, 25_000)


class Arm:
    """An accelerometer: what it drained last, up to 20 samples of 200 ms."""

    def __init__(self) -> None:
        self.x = self.y = self.z = array("h", range(20))

    def drain(self, chance: random.Random, most: int, start: float, turn: float) -> None:
        """Swing and shake by up to so many milli-g; a sample is `turn` of a whole swing."""
        swing = [round(most * math.sin(2 * math.pi * (start + turn * index))) for index in range(20)]
        self.x = array("h", swing)
        self.y = array("h", [chance.randint(-most, most) for _ in swing])
        self.z = array("h", [each * chance.choice((-1, 1)) // 2 for each in swing])


@pytest.mark.parametrize("most", [300, 32_767])
@pytest.mark.parametrize("hz", [10, 100])
@pytest.mark.parametrize("seed", range(2))
def test_every_integer_stays_small_while_the_wearer_moves(path: Any, most: int, hz: int, seed: int) -> None:
    _move(path, random.Random(seed), most, hz, 1)


def _move(path: Any, chance: random.Random, most: int, hz: int, ratio: float) -> None:
    """Still, moving and still again, each swing as long as `ratio` pulses; the light feels it."""
    signal, vitals, arm = path.oximeter(), Vitals(), Arm()
    signal.motion = path.motion()
    signal.motion.begin(hz * 1000)
    period, height, felt = chance.uniform(8, 40), chance.choice((1500, 60_000)), chance.choice((0, 1, 4))
    for count in range(1500):
        force = most if 100 < count < 900 else 0
        swing = count / period / ratio
        if count % 5 == 0:
            arm.drain(chance, force, swing, 25 / hz / period / ratio)
            signal.motion.feel(arm, hz // 5)
        light = 130_000 + height * math.sin(2 * math.pi * count / period)
        light += felt * height * math.sin(2 * math.pi * swing - 1) * (force > 0)
        light = min(_FULL_SCALE, max(0, round(light)))
        _add(signal, light, light)
        if count % 25 == 24:
            _judge(signal, vitals, 25_000)
            signal.motion.is_doubtful(round(period * 64))
    signal.motion.stop()


def test_the_guard_sees_every_operation_of_the_package(path: Any, guard: Guard) -> None:
    _beat(path, 100, 0.5, 0.06, 0, statuses.VALIDATED)
    _beat(path, 50, 1.7, 0.0, 0, statuses.SENSOR_FAULT)  # exchanged dies
    _beat(path, 20, 0.5, 0.0, 0.8, statuses.VALIDATED)  # every second beat early
    for seed, ratio in enumerate((1, 0.4, 1.7, 2, 1, 0.8)):
        _move(path, random.Random(seed), 1000, 25, ratio)
    chance, vitals, signal = random.Random(1), Vitals(), path.oximeter()
    for count in range(25 * 400):
        if count % 250 == 0:
            kind, low, high = chance.choice(_KINDS), chance.randint(0, 200_000), chance.randint(0, _FULL_SCALE)
            period, colour, noise = chance.uniform(6, 60), chance.choice((-9, 0.4, 1, 3)), chance.choice((0, 90, 9_000))
        light = min(_FULL_SCALE, _shape(kind, count, low, high, period, chance) + chance.randint(0, noise))
        _add(signal, _seen_by_red(light, colour, _FULL_SCALE // 2) + chance.randint(0, noise), light)
        if count % 300 == 299:
            signal.rescale(63, 100, 63, 40)
        if count % 25 == 24:
            _judge(signal, vitals, 25_000)
    assert {where for module in _MODULES for where in _operations(module)} - guard.seen == set()


def _beat(path: Any, seconds: int, red_part: float, arrhythmia: float, early: float, spo2_status: int) -> None:
    """A pulse of 75 a minute, with breathing at 15 in its rate and height; its count begins anew in between."""
    vitals, signal, heart = Vitals(), path.oximeter(), 0.0
    signal.oximetry.use_curve(())
    for count in range(25 * seconds):
        if count == 75:
            heart += 0.4  # the first beat is off
        if count == 250:
            for name in ("_count", "_clean_from", "_judged_at"):
                setattr(signal, name, getattr(signal, name) + 768 * 1365)  # the same places in rings of 256 and of 3
        breath = math.sin(2 * math.pi * 0.25 * count / 25)
        heart += (1.25 + arrhythmia * breath) * (1 + early * (heart % 2 < 1)) / 25
        pulse = math.exp(-(((heart % 1 - 0.3) / 0.09) ** 2)) * (1 + 2 * arrhythmia * breath)
        signal.add(round(100_000 - 2400 * red_part * pulse), round(120_000 - 2400 * pulse))
        if count % 25 == 24:
            _judge(signal, vitals, 25_000)
    assert 1 << 17 < signal._count < 1 << 19
    assert vitals.spo2.status == spo2_status
    assert vitals.respiration.has_value or arrhythmia == 0


def _operations(module: str) -> list[str]:
    source = Path(sys.modules[f"{_PACKAGE}.{module}"].__file__ or "").read_text(encoding="utf-8")
    guarding = Guarding(module)
    guarding.visit(ast.parse(source))
    return guarding.operations


@pytest.mark.parametrize(
    "source", ["a = big * 1024", "a = big\na *= 1024", "a = [big]\na[0] += big * 1023", "a = -big - big * 1023 - 1"]
)
def test_an_overflow_would_be_noticed(source: str) -> None:
    code = compile(ast.fix_missing_locations(Guarding("made").visit(ast.parse(source))), "made", "exec")
    exec(code, {"guard": Guard(), "big": 1 << 10})
    with pytest.raises(AssertionError, match="made:"):
        exec(code, {"guard": Guard(), "big": 1 << 20})
