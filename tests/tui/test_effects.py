"""Work that changes something: it runs once, to its end, and its line is in the log whatever happens to the screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pilots import held, night

from support.journals import texts
from threeam.core.store.attachments import attachment_dir
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, note_draft
from threeam.host import baseline_store as normal
from threeam.restore import blockers, postgres
from threeam.restore.blockers import Backend
from threeam.tui.effects import EffectRunner
from threeam.tui.screens.restore import BlockersScreen, ConfirmScreen

BLOCKER, WAITER = 4711, 4712


def backend(pid: int, *blocked_by: int) -> Backend:
    waits = "a lock" if blocked_by else None
    return Backend(pid, "shop", "shop", "", "local", "active", 1.0, 1.0, "UPDATE", blocked_by, waits, None, str(pid))


class Server:
    """A server whose backends end when the test lets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_end = threading.Event()
        self.ended: list[int] = []
        monkeypatch.setattr(postgres, "connect", self._connected)
        monkeypatch.setattr(blockers, "list_backends", lambda _: [backend(BLOCKER), backend(WAITER, BLOCKER)])
        monkeypatch.setattr(blockers, "terminate_backend", self._terminate)

    @contextmanager
    def _connected(self, _dsn: str) -> Iterator[object]:
        yield object()

    def _terminate(self, _connection: object, backend: Backend, _waits: int) -> Draft:
        self.ended.append(backend.pid)
        self.may_end.wait(10)
        return note_draft(f"ended {backend.pid}")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


async def test_a_backend_is_terminated_once_and_noted_although_x_and_y_come_twice(
    journal: Journal, log: Path, server: Server
) -> None:
    async with night(journal) as it:
        await it.command("blockers postgresql://db1/shop")
        await it.eventually(lambda: isinstance(it.app.screen, BlockersScreen), "the screen")
        await it.shows(str(BLOCKER))
        await it.press("x", "y", "x")
        await it.eventually(lambda: isinstance(it.app.screen, ConfirmScreen), "it asks again")
        await it.press("y")
        await it.says("still under way")
        await it.press("escape")  # its page is closed
        server.may_end.set()
        await it.eventually(lambda: texts(log) == [f"ended {BLOCKER}"], "it is noted")
        await it.settled()
    assert server.ended == [BLOCKER]
    assert texts(log) == [f"ended {BLOCKER}"]


async def test_esc_does_not_take_back_what_has_happened(journal: Journal, log: Path, server: Server) -> None:
    server.may_end.set()
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.command("blockers postgresql://db1/shop")
            await it.shows(str(BLOCKER))
            await it.press("x", "y")
            await it.says("waits for the lock")
            assert not any("esc takes it back" in notice for notice in it.notices)
            await it.press("escape", "escape")
        await it.eventually(lambda: texts(log) == [f"ended {BLOCKER}"], "it is noted")


async def test_quitting_waits_for_what_is_under_way(journal: Journal, log: Path, server: Server) -> None:
    async with night(journal) as it:
        await it.command("blockers postgresql://db1/shop")
        await it.shows(str(BLOCKER))
        await it.press("x", "y", "escape", "q")
        await it.says(f"terminate {BLOCKER} is still under way")
        await it.says("q again leaves it")
        server.may_end.set()
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert texts(log) == [f"ended {BLOCKER}"]


async def test_ctrl_c_twice_while_it_is_under_way_leaves_the_line_too(
    journal: Journal, log: Path, server: Server
) -> None:
    async with night(journal) as it:
        await it.command("blockers postgresql://db1/shop")
        await it.shows(str(BLOCKER))
        await it.press("x", "y")
        server.may_end.set()
        it.at_once("ctrl+c", "ctrl+c")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert texts(log) == [f"ended {BLOCKER}"]


@pytest.mark.parametrize("keys", [("q", "q"), ("ctrl+c", "ctrl+c"), ()], ids=["q", "ctrl+c", "signal"])
async def test_what_is_under_way_at_the_end_is_named_with_what_to_check(
    journal: Journal, log: Path, server: Server, keys: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    async with night(journal) as it:
        await it.command("blockers postgresql://db1/shop")
        await it.shows(str(BLOCKER))
        await it.press("x", "y", "escape")
        await it.eventually(lambda: server.ended, "it is under way")
        if not keys:
            it.app._leave(143)  # as on SIGTERM, which would end this process if the screen did not
        for key in keys:
            assert it.app.is_running
            await it.press(key)
            assert any(f"terminate {BLOCKER} is still under way" in notice for notice in it.notices)
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    server.may_end.set()
    parting = " ".join(capsys.readouterr().err.split())
    assert f"3am: terminate {BLOCKER} was still under way, and may have happened without a line: " in parting
    assert f"SELECT * FROM pg_stat_activity WHERE pid = {BLOCKER}, on db1:5432/shop" in parting
    assert texts(log) == []


async def test_what_failed_while_it_quits_is_reported_on_the_terminal(
    journal: Journal, log: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*of_this: object) -> Draft:
        server._terminate(*of_this)  # type: ignore[arg-type]
        raise postgres.ServerUnreachable("PostgreSQL: permission denied")

    monkeypatch.setattr(blockers, "terminate_backend", fails)
    async with night(journal) as it:
        await it.command("blockers postgresql://db1/shop")
        await it.shows(str(BLOCKER))
        await it.press("x", "y", "escape", "q")
        await it.says("q again leaves it")
        server.may_end.set()
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert f"3am: terminate {BLOCKER}: PostgreSQL: permission denied" in capsys.readouterr().err


async def test_a_line_that_could_not_be_written_is_reported_at_the_end(
    journal: Journal, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.may_end.set()
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.command("blockers postgresql://db1/shop")
            await it.shows(str(BLOCKER))
            await it.press("x", "y")
            await it.says("waits for the lock")
            await it.press("ctrl+c", "ctrl+c")
            await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert f"3am: this happened, and may not be in the log: terminated {BLOCKER}" in capsys.readouterr().err


async def test_a_second_baseline_is_refused_while_the_first_is_taken(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, taken = threading.Event(), 0
    really_take = normal.take_baseline

    def take(*args: Any) -> object:
        nonlocal taken
        taken += 1
        may_go_on.wait(10)
        return really_take(*args)

    monkeypatch.setattr(normal, "take_baseline", take)
    async with night(journal) as it:
        await it.command("baseline save quiet")
        await it.command("baseline save quiet")
        await it.says("still under way")
        may_go_on.set()
        await it.eventually(lambda: texts(log)[:1], "it is noted")
        await it.settled()
    assert taken == len(texts(log)) == 1
    assert len(list(Path(journal.folder_beside_log).glob("baseline-*"))) == 1


async def test_the_parting_text_names_the_folder_in_use(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(journal.folder_beside_log).touch()  # it cannot be a folder: the private one is in use
    may_go_on, began = threading.Event(), threading.Event()

    def take(*_: object) -> None:
        began.set()
        may_go_on.wait(10)

    monkeypatch.setattr(normal, "take_baseline", take)
    try:
        async with night(journal) as it:
            await it.command("baseline save quiet")
            await it.eventually(began.is_set, "it is under way")
            await it.press("q", "q")
            await it.eventually(lambda: not it.app.is_running, "it has ended")
        parting = "".join(capsys.readouterr().err.split())
        assert f"in{attachment_dir(journal)}" in parting
    finally:
        may_go_on.set()


def test_work_that_fails_in_an_unknown_way_is_not_under_way_for_ever() -> None:
    finished = threading.Event()
    effects = EffectRunner(lambda effect: finished.set())

    def work() -> None:
        raise ZeroDivisionError("ours")

    assert effects.start("x", work, lambda result: None)
    assert not effects.start("x", work, lambda result: None)
    assert finished.wait(10)
    (effect,) = effects.wait(0)
    assert effect.problem == "ZeroDivisionError: ours"
    assert effects.remove(effect)
    assert not effects.remove(effect)
    assert effects.start("x", work, lambda result: None)


async def test_each_press_of_c_is_one_cup_although_another_write_waits(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("c")
            await it.says("waits for the lock")
            await it.press("c", "c")
            assert "3 wait" in it.header
            await it.type("ia note\n")
            await it.shows("waits for the lock")
            assert texts(log) == []
        await it.eventually(lambda: it.unanswered == 0, "all is written")
        assert "wait" not in it.header
    assert texts(log) == [*(f"Coffee: cup {n} of the night." for n in (1, 2, 3)), "a note"]


async def test_a_kept_file_that_is_gone_already_ends_nothing(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.command("baseline save quiet")
            await it.says("waits for the lock")
            (path,) = Path(journal.folder_beside_log).glob("baseline-*")
            path.unlink()
            await it.press("escape")
            await it.says("taken back")
        assert it.app.is_running
    assert texts(log) == []
