"""Derived keys and setup codes."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import keys

DEVICE_KEYS = st.binary(min_size=16, max_size=16)
PURPOSES = (keys.ADVERT, keys.ADVERT_IV, keys.PERMUTATION, keys.LINK, keys.IDENTITY)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@given(DEVICE_KEYS)
def test_each_purpose_has_a_key_of_its_own(device_key: bytes) -> None:
    derived = [keys.derive(device_key, purpose) for purpose in PURPOSES]
    assert len({device_key, *derived}) == 6
    assert derived == [HKDF(SHA256(), 16, b"Vigil device key", purpose).derive(device_key) for purpose in PURPOSES]


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100), st.integers(1, 300))
def test_hkdf_as_another_library_has_it(secret: bytes, salt: bytes, info: bytes, length: int) -> None:
    assert keys.hkdf_sha256(secret, salt, info, length) == HKDF(SHA256(), length, salt, info).derive(secret)


def test_a_device_id_is_public() -> None:
    identity = keys.derive(KEY, keys.IDENTITY)
    assert keys.device_id(KEY) == identity[:4].hex()
    assert keys.device_id(b"\0" * 16) != keys.device_id(b"\0" * 15 + b"\1")


@given(DEVICE_KEYS)
def test_setup_code_round_trip(device_key: bytes) -> None:
    code = keys.setup_code(device_key)
    assert [len(group) for group in code.split("-")] == [5, 5, 5, 5, 5, 4]
    assert set(code) <= set(ALPHABET + "-")
    assert keys.key_from_setup_code(code) == device_key
    assert keys.key_from_setup_code(code.replace("-", " ").lower()) == device_key
    assert keys.key_from_setup_code(code.replace("-", "")) == device_key


@given(DEVICE_KEYS)
def test_what_looks_alike_may_be_typed(device_key: bytes) -> None:
    code = keys.setup_code(device_key)
    assert keys.key_from_setup_code(code.replace("0", "O").replace("1", "I")) == device_key
    assert keys.key_from_setup_code(code.lower().replace("0", "o").replace("1", "l")) == device_key


def test_every_other_character_at_every_place_is_noticed() -> None:
    code = keys.setup_code(KEY)
    refused = 0
    for place, right in enumerate(code):
        if right == "-":
            continue
        for wrong in ALPHABET.replace(right, "") + "U-*":
            with pytest.raises(ValueError, match="setup code"):
                keys.key_from_setup_code(code[:place] + wrong + code[place + 1 :])
            refused += 1
    assert refused == 29 * 34


@given(DEVICE_KEYS, st.integers(0, 28), st.characters())
def test_a_wrong_character_never_gives_another_key(device_key: bytes, place: int, wrong: str) -> None:
    code = keys.setup_code(device_key).replace("-", "")
    try:
        key = keys.key_from_setup_code(code[:place] + wrong + code[place + 1 :])
    except ValueError:
        return
    assert key == device_key


@given(DEVICE_KEYS, st.integers(0, 27))
def test_swapped_neighbours_are_noticed(device_key: bytes, place: int) -> None:
    code = keys.setup_code(device_key).replace("-", "")
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(ValueError, match="mistyped"):
            keys.key_from_setup_code(swapped)


@given(DEVICE_KEYS, st.integers(0, 28), st.sampled_from(ALPHABET))
def test_a_missing_or_extra_character_is_noticed(device_key: bytes, place: int, extra: str) -> None:
    code = keys.setup_code(device_key).replace("-", "")
    with pytest.raises(ValueError, match="has 28"):
        keys.key_from_setup_code(code[:place] + code[place + 1 :])
    with pytest.raises(ValueError, match="has 30"):
        keys.key_from_setup_code(code[:place] + extra + code[place:])


@pytest.mark.parametrize("code", ["", "-", "0" * 29, "Z" * 29, "hello"])
def test_no_setup_code(code: str) -> None:
    with pytest.raises(ValueError, match="setup code"):
        keys.key_from_setup_code(code)
