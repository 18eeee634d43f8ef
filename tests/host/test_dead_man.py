"""The dead man's switch, to a server shaped like ntfy 2.16: it is put off while the bridge runs, and not after."""

from typing import Any

import pytest
from tests.host.ntfy import NtfyServer

from vigil_host.clock import Clock
from vigil_host.delivery.dead_man import DeadMan


def switch(server: NtfyServer, is_failing: bool = False, topic: str = "gone", ping: str | None = "ping") -> DeadMan:
    async def failing() -> bool:
        return is_failing

    base = f"http://127.0.0.1:{server.port}"
    return DeadMan(Clock(), f"{base}/{topic}", ping and f"{base}/{ping}", 5, failing)


def test_one_scheduled_message_is_replaced_each_time_and_the_ping_sent(run: Any) -> None:
    with NtfyServer() as server:
        dead_man = switch(server)
        run(dead_man.step())
        run(dead_man.step())
        assert dead_man.problem is None
        assert [each.headers["In"] for each in server.taken] == ["5m", "5m"]
        assert len({each.headers["X-Sequence-ID"] for each in server.taken}) == 1
        assert "has not been heard for 5 minutes" in server.taken[0].body
        assert server.asked.count("/ping") == 2


def test_no_ping_while_nobody_can_be_reached(run: Any) -> None:
    with NtfyServer() as server:
        run(switch(server, is_failing=True).step())
        assert server.asked == ["gone"]


def test_a_server_that_cannot_replace_gets_no_second_message(run: Any) -> None:
    with NtfyServer(has_sequences=False) as server:
        dead_man = switch(server)
        run(dead_man.step())
        assert dead_man.problem and "no ntfy 2.16" in dead_man.problem
        run(dead_man.step())
        assert len(server.taken) == 1


def test_what_is_wrong_is_said_once_without_the_address(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    with NtfyServer() as server:
        server.refusing = {"s3cret", "s3cretping"}
        dead_man = switch(server, topic="s3cret", ping="s3cretping")
        run(dead_man.step())
        run(dead_man.step())
        assert dead_man.problem == "its message could not be scheduled: HTTP status 403"
        assert len(caplog.records) == 1 and "s3cret" not in caplog.text
        server.refusing = {"s3cretping"}
        run(dead_man.step())
        assert dead_man.problem == "its ping failed: HTTP status 403"
        server.refusing = set()
        run(dead_man.step())
        assert dead_man.problem is None
