"""How a wearer moves and lies, in three bits."""

from vigil_wire import movement


def test_each_pair_that_can_be_comes_back() -> None:
    assert [movement.pack(*movement.unpack(code)) for code in range(movement.MOST + 1)] == list(range(8))
    assert len({movement.unpack(code) for code in range(8)}) == 8


def test_without_a_movement_there_is_no_position() -> None:
    for position in (movement.UNKNOWN, movement.LYING, movement.UPRIGHT):
        assert movement.unpack(movement.pack(position, movement.NONE)) == (movement.UNKNOWN, movement.NONE)


def test_who_is_not_upright_does_not_walk() -> None:
    assert movement.unpack(movement.pack(movement.UPRIGHT, movement.WALKING)) == (movement.UPRIGHT, movement.WALKING)
    for position in (movement.UNKNOWN, movement.LYING):
        assert movement.unpack(movement.pack(position, movement.WALKING)) == (position, movement.MOVING)
