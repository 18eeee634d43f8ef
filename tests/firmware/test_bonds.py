"""The secrets of bonds: the stack is obeyed, and only what an authenticated pairing left is kept."""

from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.bonds import Bonds

A, B = b"\x00aaaaaa", b"\x01bbbbbb"
PEER, OURS, STACK = 1, 2, 10
MOST = 1000


def with_bond(peer: bytes, secret: bytes = b"s" * 80, packed: bytes = b"", most: int = MOST) -> bytes:
    """Packed secrets with another bond."""
    bonds = Bonds(packed, most)
    assert bonds.set(PEER, peer, secret)
    assert bonds.set(OURS, peer, secret)
    bonds.keep()
    return bonds.packed()


def test_what_is_kept_is_found_again_by_key_and_by_number() -> None:
    bonds = Bonds(with_bond(B, b"two", with_bond(A, b"one")), MOST)
    assert (bonds.get(PEER, 0, A), bonds.get(OURS, 0, B)) == (b"one", b"two")
    assert [bonds.get(PEER, index, None) for index in range(3)] == [b"one", b"two", None]
    assert bonds.get(PEER, 0, b"else") is None
    assert not bonds.must_save


def test_a_deleted_bond_is_gone_for_the_stack_and_back_after_undo() -> None:
    packed = with_bond(A)
    bonds = Bonds(packed, MOST)
    assert bonds.set(PEER, A, None)
    assert bonds.get(PEER, 0, A) is bonds.get(PEER, 0, None) is None
    assert not bonds.set(PEER, A, None)  # else NimBLE would ask again
    assert bonds.set(PEER, A, b"a stranger's")
    assert bonds.get(PEER, 0, A) == b"a stranger's"
    assert bonds.packed() == packed
    bonds.undo()
    assert bonds.get(PEER, 0, A) == b"s" * 80
    assert (bonds.is_changed, bonds.must_save, bonds.packed()) == (False, False, packed)


def test_the_stacks_own_secrets_are_kept_at_once() -> None:
    bonds = Bonds(b"", MOST)
    assert bonds.set(STACK, b"irk", b"i" * 16)
    assert bonds.must_save
    assert Bonds(bonds.packed(), MOST).get(STACK, 0, b"irk") == b"i" * 16
    assert not bonds.set(STACK, b"irk", None)


def test_the_oldest_bond_makes_room_and_the_newest_stays() -> None:
    bonds = Bonds(b"", MOST)
    bonds.set(STACK, b"irk", b"i" * 16)
    forgotten = []
    for number in range(8):
        peer = bytes([number]) * 7
        bonds.set(PEER, peer, b"p" * 80)
        bonds.set(OURS, peer, b"o" * 80)
        forgotten.append(bonds.keep())
        assert len(bonds.packed()) <= MOST
        assert bonds.get(OURS, 0, peer) == b"o" * 80
    assert forgotten == [False] * 5 + [True] * 3
    assert [bonds.get(PEER, 0, bytes([number]) * 7) is None for number in range(8)] == [True] * 3 + [False] * 5
    assert bonds.get(STACK, 0, b"irk") == b"i" * 16


@given(st.lists(st.tuples(st.sampled_from((PEER, OURS)), st.sampled_from((A, B)), st.none() | st.binary(max_size=99))))
def test_undo_leaves_what_was_kept_whatever_the_stack_did(changes: list[tuple[int, bytes, bytes | None]]) -> None:
    packed = with_bond(A)
    bonds = Bonds(packed, MOST)
    for kind, key, secret in changes:
        bonds.set(kind, key, secret)
        assert bonds.get(kind, 0, key) == secret
    bonds.undo()
    assert bonds.packed() == packed
