"""Reminders: water with the coffee, the dose, the hours; each can be switched off, in the file and for one shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import FakeClock, writer_of
from support.lines import HOUR_NS
from threeam.core.config.settings import REMINDERS, PathFlags, load_config
from threeam.core.errors import BadSetting
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal
from threeam.human.drafts import coffee_draft, water_draft
from threeam.human.reminders import AWAKE_LIMIT_H, awake_reminder, coffee_reminders
from threeam.projections import FOLD


def said(journal: Journal, clock: FakeClock, wanted: Sequence[str] = REMINDERS) -> list[str]:
    live = journal.open_live()
    assert live is not None
    soon = Stamp(clock().ns + 100)  # after all of the last block: its lines are a nanosecond apart
    state = FOLD.state_at(live, live.size())
    return list(coffee_reminders(state, "alice", soon, 8 * HOUR_NS, 5.0, wanted).values())


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(REMINDERS, ["drink one", "475 mg"]), (["water"], ["drink one"]), (["dose"], ["475 mg"]), ([], [])],
    ids=str,
)
def test_each_reminder_with_a_cup_can_be_switched_off(
    journal: Journal, clock: FakeClock, wanted: Sequence[str], words: list[str]
) -> None:
    writer_of("alice", journal, clock).write(coffee_draft(5, 95, 4))
    reminders = said(journal, clock, wanted)
    assert len(reminders) == len(words)
    assert all(word in sentence for word, sentence in zip(words, reminders, strict=True)), reminders


def test_a_glass_for_each_cup_is_reminder_enough(journal: Journal, clock: FakeClock) -> None:
    alice = writer_of("alice", journal, clock)
    alice.write(coffee_draft(1, 95, 4))
    assert said(journal, clock) == ["1 cup, 0 glasses of water: drink one"]
    alice.write(water_draft())
    assert said(journal, clock) == []


@pytest.mark.parametrize(("mg", "about"), [(200, ""), (201, "201 mg"), (400, "400 mg"), (401, "401 mg")])
def test_the_dose_is_shown_once_it_is_a_concern(journal: Journal, clock: FakeClock, mg: int, about: str) -> None:
    writer_of("alice", journal, clock).write(coffee_draft(1, mg, 4))
    reminders = said(journal, clock, ["dose"])
    assert [sentence[: len(about)] for sentence in reminders] == ([about] if about else [])


def test_the_hours_are_told_after_seventeen_if_that_is_wanted(clock: FakeClock) -> None:
    since = clock()
    clock.forward(AWAKE_LIMIT_H * HOUR_NS - 1)
    assert awake_reminder(since, clock(), REMINDERS) is None
    clock.forward(1)
    assert (awake_reminder(since, clock(), ["awake"]) or "").startswith("awake for 17h")
    assert awake_reminder(since, clock(), ["water", "dose"]) is None
    assert awake_reminder(None, clock(), REMINDERS) is None


# --- which of them are wanted

WANTED = [
    ('["water", "dose"]', ("water", "dose")),
    ('["awake", "water", "awake"]', ("water", "awake")),
    ('"dose, awake"', ("dose", "awake")),
    ('"none"', ()),
    ('["none"]', ()),
    ("[]", ()),
]
NONSENSE = ['["wine"]', '"water, wine"', '"none, water"', "7", "true", '[["water"]]', "{water = true}"]


def reminders(config: Path, table: str, **environ: str) -> tuple[str, ...]:
    config.write_text(table)
    return load_config(PathFlags(log="/nowhere/l"), {"SANITY_CONFIG": str(config), **environ}, 1000).settings.reminders


@pytest.mark.parametrize(("value", "wanted"), WANTED)
def test_reminders_are_chosen_in_the_settings_file(tmp_path: Path, value: str, wanted: tuple[str, ...]) -> None:
    assert reminders(tmp_path / "config.toml", f"reminders = {value}\n") == wanted


@pytest.mark.parametrize("value", NONSENSE)
def test_unknown_reminders_are_refused_with_the_list_of_them(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadSetting, match="reminders must be some of water, dose, awake, or none"):
        reminders(tmp_path / "config.toml", f"reminders = {value}\n")


@pytest.mark.parametrize(
    ("value", "wanted"), [("none", ()), ("water", ("water",)), ("dose awake", ("dose", "awake")), ("", ("water",))]
)
def test_the_environment_beats_the_file_for_reminders_too(tmp_path: Path, value: str, wanted: tuple[str, ...]) -> None:
    assert reminders(tmp_path / "config.toml", 'reminders = ["water"]\n', SANITY_REMINDERS=value) == wanted


def test_nonsense_in_the_environment_is_named_by_its_variable(run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANITY_REMINDERS", "wine")
    did = run_here("coffee")
    assert did.returncode == 2
    assert did.stderr.count(b"\n") == 1
    assert b"SANITY_REMINDERS must be some of water, dose, awake, or none" in did.stderr
