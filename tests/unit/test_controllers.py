"""The controllers of the screen, without a screen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from threeam.actions import BY_ID, Action
from threeam.core.errors import PreconditionFailed
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.read_only import ReadOnlyWriting
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import ActionTable
from threeam.tui.effects import EffectRunner
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import NOTE
from threeam.tui.report_answers import GoTo


@pytest.fixture
def screen() -> Mock:
    """A screen whose log has the focus."""
    return Mock(is_covered=False, is_typing=False)


# --- the table of actions


async def test_a_handler_gets_the_argument_of_its_command() -> None:
    handler = Mock(return_value=None)
    table = ActionTable({"theme": handler}, is_writable=False, on_error=Mock())
    await table.run("theme", "nord")
    await table.run("theme")
    assert [call.args for call in handler.call_args_list] == [("nord",), ()]


async def test_a_read_only_table_has_no_handler_for_an_action_that_writes() -> None:
    handler = Mock()
    table = ActionTable({"coffee": handler, "help": handler}, is_writable=False, on_error=Mock())
    assert "help" in table
    assert "coffee" not in table
    await table.run("coffee")
    handler.assert_not_called()


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_sentence_of_an_action_that_cannot_be_done_is_passed_on(is_async: bool) -> None:
    refusals: list[tuple[Action, str, str]] = []

    async def refuse_later(argument: str) -> None:
        raise PreconditionFailed(f"not {argument}")

    def refuse(argument: str) -> None:
        raise PreconditionFailed(f"not {argument}")

    table = ActionTable(
        {"thread": refuse_later if is_async else refuse},
        is_writable=True,
        on_error=lambda action, argument, sentence: refusals.append((action, argument, sentence)),
    )
    await table.run("thread", "H9")
    assert refusals == [(BY_ID["thread"], "H9", "not H9")]


# --- reports


def report_controller(screen: Mock, *, is_leaving: bool = False) -> tuple[ReportController, Mock, list[object]]:
    header, answers = Mock(ready_reports=0), list[object]()
    return (
        ReportController(screen, Mock(is_leaving=is_leaving), header, Mirrors(screen), answers.append),
        header,
        answers,
    )


def test_a_result_opens_at_once_if_the_log_has_the_focus(screen: Mock) -> None:
    reports, header, _ = report_controller(screen)
    show = Mock()
    reports.show_when_free("preflight", show)
    show.assert_called_once()
    assert header.ready_reports == 0


@pytest.mark.parametrize("obstacle", ["is_covered", "is_typing"])
def test_a_result_waits_while_the_user_types_or_reads_another(screen: Mock, obstacle: str) -> None:
    setattr(screen, obstacle, True)
    reports, header, _ = report_controller(screen)
    first, second = Mock(), Mock()
    reports.show_when_free("preflight", first)
    reports.show_when_free("hand-off", second)
    first.assert_not_called()
    assert header.ready_reports == 2
    assert [reports.show_next_ready() for _ in range(3)] == [True, True, False]
    first.assert_called_once()
    second.assert_called_once()
    assert header.ready_reports == 0


def test_no_report_opens_when_the_program_is_about_to_end(screen: Mock) -> None:
    reports, header, _ = report_controller(screen, is_leaving=True)
    show = Mock()
    reports.show_when_free("preflight", show)
    show.assert_not_called()
    assert header.ready_reports == 0


def test_a_second_report_does_not_cover_the_first(screen: Mock) -> None:
    reports, _, answers = report_controller(screen)
    first, second = Mock(), Mock()
    reports.push(first)
    reports.push(second)
    ((pushed, close), _) = screen.app.push_screen.call_args
    assert pushed is first
    assert screen.app.push_screen.call_count == 1
    close(None)
    assert answers == []
    reports.push(second)
    ((_, close), _) = screen.app.push_screen.call_args
    answer = GoTo(Mock())
    close(answer)
    assert answers == [answer]
    assert reports.open_report is None


# --- the end of the program


class Editor:
    """The box of a screen, with the requests that have no answer yet."""

    def __init__(self) -> None:
        self.outbox: list[WriteRequest] = []

    def close(self) -> list[WriteRequest]:
        return [request for request in self.outbox if request.is_irrevocable]


def quit_controller(screen: Mock, editor: Editor | None = None) -> QuitController:
    return QuitController(screen, editor, EffectRunner(lambda effect: None))  # type: ignore[arg-type]


def parting_text(screen: Mock) -> str:
    """Return the text that is printed on the terminal at the end."""
    message = screen.app.exit.call_args.kwargs["message"]
    return "" if message is None else str(message)


def test_quitting_waits_for_a_write_that_has_no_answer(screen: Mock) -> None:
    editor = Editor()
    editor.outbox.append(WriteRequest(Mock(), "note"))
    quitting = quit_controller(screen, editor)
    quitting.quit()
    screen.app.exit.assert_not_called()
    editor.outbox.clear()
    quitting.leave_if_done()
    screen.app.exit.assert_called_once()
    assert parting_text(screen) == ""


def test_quitting_twice_does_not_wait(screen: Mock) -> None:
    editor = Editor()
    editor.outbox.append(WriteRequest(Mock(), "note"))
    quitting = quit_controller(screen, editor)
    quitting.quit()
    quitting.quit()
    screen.app.exit.assert_called_once()


def test_a_fact_that_may_not_be_in_the_log_is_named_at_the_end(screen: Mock) -> None:
    editor = Editor()
    editor.outbox.append(WriteRequest(Mock(), "terminated 4711", is_irrevocable=True))
    quit_controller(screen, editor).leave(0)
    assert parting_text(screen) == "3am: this happened, and may not be in the log: terminated 4711"


def started(quitting: QuitController, work: Callable[[], object]) -> list[object]:
    results: list[object] = []
    quitting.start_effect("capture", work, results.append, "look for a pane-… file")
    return results


def test_an_effect_has_ended_before_the_program(screen: Mock) -> None:
    quitting = quit_controller(screen)
    results = started(quitting, lambda: 7)
    quitting.leave(0)
    assert results == [7]
    assert parting_text(screen) == ""


def test_an_effect_that_does_not_end_is_named_with_how_to_check_it(
    screen: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.tui.controllers.quitting._EFFECT_S", 0.01)
    go_on = threading.Event()
    quitting = quit_controller(screen)
    started(quitting, go_on.wait)
    quitting.leave(0)
    go_on.set()
    assert "capture was still under way" in parting_text(screen)
    assert "look for a pane-… file" in parting_text(screen)


def test_the_same_effect_is_not_started_twice(screen: Mock) -> None:
    go_on = threading.Event()
    quitting = quit_controller(screen)
    started(quitting, go_on.wait)
    started(quitting, go_on.wait)
    screen.notify_once.assert_called_once_with("it is still under way", title="capture")
    go_on.set()
    quitting.leave(0)


# --- a screen without a writer


def test_a_read_only_screen_refuses_each_write(screen: Mock) -> None:
    screen.session.as_of = None
    writing = ReadOnlyWriting(screen)
    with pytest.raises(PreconditionFailed, match="read-only"):
        writing.require_writable()
    assert not writing.submit(WriteRequest(Mock(), "note"))
    writing.open_box(NOTE)
    writing.edit(NOTE, "words")
    writing.write_or_ask(NOTE, "words")
    assert screen.notify_once.call_count == 4
    assert screen.program.typed_keys.refuse_text.call_count == 2
