"""The command line and the `:` line of the screen take the same options, with the same defaults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from support.commands import Run
from support.journals import FakeClock
from threeam.cli import baseline as baseline_command
from threeam.cli import capture as capture_command
from threeam.cli import coffee as coffee_command
from threeam.cli import fixed as fixed_command
from threeam.cli import restore as restore_command
from threeam.core.config.options import split_line
from threeam.core.config.settings import Settings
from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.clock import utc_offset
from threeam.core.store.journal import resolve_journal
from threeam.host import baseline_store
from threeam.host.baseline_store import BaselineRequest
from threeam.projections import FOLD
from threeam.reports import fix_assessment
from threeam.restore import pitr_plan
from threeam.restore.pitr_plan import RestoreRequest
from threeam.tracing import capture
from threeam.tracing.capture import Pane
from threeam.tui.controllers import night
from threeam.tui.controllers.experiments import ExperimentController
from threeam.tui.controllers.host import HostController
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.night import NightController
from threeam.tui.controllers.restore import RestoreController

Asked = list[Any]  # what the capability was asked for: first by the command, then by the screen


class _Stopped(PreconditionFailed):
    """Ends a command when it is known what it asks for."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    requests: Asked = []

    def record(kind: type) -> Callable[..., None]:
        def keep(*args: object) -> None:
            requests.append(next(arg for arg in args if isinstance(arg, kind)))
            raise _Stopped("known")

        return keep

    def coffee(options: object, settings: object) -> None:
        assert hasattr(options, "__dict__")
        requests.append({name: vars(options)[name] for name in ("cups", "mg", "undo")})
        raise _Stopped("known")

    monkeypatch.setattr(coffee_command, "requested_coffee_draft", coffee)
    monkeypatch.setattr(night, "requested_coffee_draft", coffee)
    for module in (baseline_command, baseline_store):
        monkeypatch.setattr(module, "record_baseline", record(BaselineRequest))
    for module in (restore_command, pitr_plan):
        monkeypatch.setattr(module, "plan_restore", record(RestoreRequest))
    return requests


@pytest.fixture
def screen(clock: FakeClock) -> Mock:
    """A screen with an empty journal."""
    screen = Mock()
    screen.state = FOLD.empty_state
    screen.session = Mock(settings=Settings(), clock=clock, zone=utc_offset, journal=resolve_journal("/nowhere/s.log"))
    return screen


@pytest.fixture
def quitting() -> Mock:
    """A controller that does work with an effect at once."""
    quitting = Mock()
    quitting.start_effect.side_effect = lambda name, work, then, check: work()
    return quitting


@pytest.mark.parametrize("words", ["", "2", "--mg 80", "3 --mg=130"])
def test_coffee(run_here: Run, asked: Asked, screen: Mock, quitting: Mock, words: str) -> None:
    run_here("coffee", *words.split())
    with pytest.raises(_Stopped):
        NightController(screen, Mock(), quitting, Mirrors(screen)).drink_coffee(words)
    assert len(asked) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("words", ["0", "21", "two", "--mg 0", "--mg 1001", "--undo --mg 5", "2 --undo", "--cups 2"])
def test_a_wrong_coffee_is_refused_with_the_same_sentence(
    run_here: Run, screen: Mock, quitting: Mock, words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        NightController(screen, Mock(), quitting, Mirrors(screen)).drink_coffee(words)
    assert_same_refusal(run_here("coffee", *words.split()).stderr, str(refusal.value))


@pytest.mark.parametrize(
    "words", ["", "quiet", "quiet --samples 5", "--samples 5 --every 2", "--every=0.5 quiet", "-n 5 --every 2s"]
)
def test_baseline_save(run_here: Run, asked: Asked, screen: Mock, quitting: Mock, words: str) -> None:
    run_here("baseline", "save", *words.split())
    with pytest.raises(_Stopped):
        HostController(screen, Mock(), quitting).baseline(f"save {words}")
    assert len(asked) == 2
    assert tuple(asked[0][:1]) == tuple(asked[1][:1])
    assert asked[0]._replace(watched_processes=(), commands=()) == asked[1]


@pytest.mark.parametrize("words", ["--samples 0", "--samples 1001", "--every -1", "--every 86401", "a b"])
def test_a_wrong_baseline_is_refused_with_the_same_sentence(
    run_here: Run, screen: Mock, quitting: Mock, words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        HostController(screen, Mock(), quitting).baseline(f"save {words}")
    assert_same_refusal(run_here("baseline", "save", *words.split()).stderr, str(refusal.value))


@pytest.mark.parametrize(
    "options",
    ["--engine postgres", "--engine mysql --minus 2ms", "--engine=mariadb --dsn mysql://db1/shop"],
)
@pytest.mark.parametrize("time", ["@2026-11-24T03:14:07.123456789+0000", "2026-11-24T03:14"])
def test_restore_data(run_here: Run, asked: Asked, screen: Mock, quitting: Mock, time: str, options: str) -> None:
    run_here("restore", "data", "--at", time, *options.split())
    for line in (f"data {time} {options}", f"data --at {time} {options}"):
        with pytest.raises(_Stopped):
            RestoreController(screen, Mock(), quitting, Mock()).restore(line)
    assert len(asked) == 3
    assert asked[0] == asked[1] == asked[2]


def test_a_restore_to_before_a_transaction(run_here: Run, asked: Asked, screen: Mock, quitting: Mock) -> None:
    words = "--xid 4711 --dsn postgresql://db1/shop --engine postgres"
    run_here("restore", "data", *words.split())
    with pytest.raises(_Stopped):
        RestoreController(screen, Mock(), quitting, Mock()).restore(f"data {words}")
    assert len(asked) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "words",
    [
        "--engine postgres",
        "--at now",
        "--at now --engine oracle",
        "--xid 7 --engine postgres",
        "--xid 7 --engine mysql --dsn mysql://db1/shop",
        "--at now --xid 7 --engine postgres",
        "--at now --minus",
    ],
)
def test_a_wrong_restore_is_refused_with_the_same_sentence(
    run_here: Run, screen: Mock, quitting: Mock, words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        RestoreController(screen, Mock(), quitting, Mock()).restore(f"data {words}")
    assert_same_refusal(run_here("restore", "data", *words.split()).stderr, str(refusal.value))


@pytest.mark.parametrize("words", ["-n 0", "-n 50001", "-n two", "%1 %2", "--lines 5"])
def test_a_wrong_capture_is_refused_with_the_same_sentence(
    run_here: Run, screen: Mock, quitting: Mock, words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        ExperimentController(screen, Mock(), Mock(), quitting, Mock()).capture(words)
    assert_same_refusal(run_here("capture", *words.split()).stderr, str(refusal.value))


@pytest.mark.parametrize("words", ["%3", "%3 -n 500", "-n=7 %3"])
def test_capture(
    run_here: Run, asked: Asked, screen: Mock, quitting: Mock, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def select_pane(name: str, _own: str | None) -> Pane:
        return Pane(name, "0:0.1", "bash", "")

    def capture_pane(_journal: object, pane: Pane, line_count: int, _now: object, hypothesis: str | None) -> None:
        asked.append((pane, line_count, hypothesis))
        raise _Stopped("known")

    async def run_in_thread(ask: Callable[[], object]) -> object:
        return ask()

    for module in (capture_command, capture):
        monkeypatch.setattr(module, "select_pane", select_pane)
        monkeypatch.setattr(module, "capture_pane", capture_pane)
    screen.run_in_thread = run_in_thread
    reports, hypotheses = Mock(), Mock()
    reports.start.side_effect = lambda work, group: asyncio.run(work())
    hypotheses.require_bound.return_value = None
    run_here("capture", *words.split())
    with pytest.raises(_Stopped):
        ExperimentController(screen, hypotheses, reports, quitting, Mock()).capture(words)
    assert len(asked) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("words", ["--from now", "--arm", "--sinse now", "two words"])
def test_a_wrong_fixed_is_refused_with_the_same_sentence(
    run_here: Run, screen: Mock, quitting: Mock, words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        ExperimentController(screen, Mock(), Mock(), quitting, Mock()).open_fix_report(f"H1 {words}")
    assert_same_refusal(run_here("fixed", "H1", *words.split()).stderr, str(refusal.value))


def test_fixed(run_here: Run, asked: Asked, screen: Mock, quitting: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    def assess_runs(
        _state: object, hypothesis: object, since_ns: int | None, arm: str | None, kind: str | None
    ) -> None:
        asked.append((since_ns, arm, kind))
        raise _Stopped("known")

    for module in (fixed_command, fix_assessment):
        monkeypatch.setattr(module, "assess_runs", assess_runs)
    hypotheses = Mock()
    hypotheses.on_all_hosts.return_value = (None, [])
    run_here("hyp", "new", "the sweeper races the writer")
    for options in ("", "--since 2026-11-24T03:14", "--arm pin --since '2026-11-24 03:14'", "--kind a"):
        run_here("fixed", "H1", *split_line(options))
        with pytest.raises(_Stopped):
            ExperimentController(screen, hypotheses, Mock(), quitting, Mock()).open_fix_report(f"H1 {options}")
        command, shown = asked[-2:]
        assert command == shown
    assert len(asked) == 8


def assert_same_refusal(stderr: bytes, sentence: str) -> None:
    """Assert that the screen refuses with the sentence of the command, without its reference to a help text."""
    (line,) = stderr.decode().splitlines()
    assert line.startswith("3am ")
    assert line.removeprefix("3am ").partition("; see 3am ")[0] == sentence


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"--key cart=(?P<key>\d+)", ["--key", r"cart=(?P<key>\d+)"]),
        (r"--key 'id = (\d+)' --shuffle 9", ["--key", r"id = (\d+)", "--shuffle", "9"]),
        (r'"a b" c#d', ["a b", "c#d"]),
        ("", []),
    ],
)
def test_a_backslash_on_the_command_line_of_the_screen_needs_no_quotes(line: str, words: list[str]) -> None:
    assert split_line(line) == words


def test_a_quote_without_an_end_is_refused() -> None:
    with pytest.raises(BadInput, match="No closing quotation"):
        split_line("--key 'cart")
