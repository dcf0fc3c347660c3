"""The command line as a script and a tired person meet it: exit codes, and one sentence."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from support.commands import Run, good, refused, stderr_lines
from support.journals import entries, parse_entries
from support.lines import HARMFUL
from support.night_log import LONG_AGO, line
from threeam.core.errors import FileUnusable
from threeam.core.format.entry import ACQUIRED, RELEASING, Stamp
from threeam.core.write.draft import TOXIC_TEXT
from threeam.core.write.locked_log import LockedLog

# --- log


def test_a_note_is_written_and_printed_as_written(run: Run, log: Path) -> None:
    done = run("log", "it", "happened", "again")
    assert done.stderr == b""
    assert good(done).encode() == log.read_bytes()
    (entry,) = entries(log)
    assert entry.text == "it happened again"
    assert entry.author is not None
    assert entry.author.user == "alice"


def test_a_quiet_note_prints_nothing(run: Run, log: Path) -> None:
    assert good(run("log", "-q", "x")) == ""
    assert len(entries(log)) == 1


def test_words_after_two_dashes_are_words(run: Run, log: Path) -> None:
    good(run("log", "--", "-H", "--quiet"))
    assert entries(log)[0].text == "-H --quiet"


def test_undecodable_words_are_made_visible(run: Run, log: Path) -> None:
    good(run("log", b"caf\xe9 \x1b[2J"))
    assert entries(log)[0].text == "caf\\xe9 \\x1b[2J"
    assert not HARMFUL.search(log.read_text())


def test_a_pasted_stack_trace_is_one_block(run: Run, log: Path) -> None:
    good(run("log", "Traceback:\n  File x\r\n    raise\n"))
    assert [entry.text for entry in entries(log)] == ["Traceback:", "|   File x", "|     raise"]


def test_a_hypothesis_from_the_shell_is_a_block_with_the_ceremony(run: Run, log: Path) -> None:
    good(run("log", "-H", "the sweeper"))
    read = entries(log)
    assert [entry.text for entry in read] == [ACQUIRED, "Hypothesis: the sweeper", RELEASING]
    assert read[1].hypothesis == (1, "open")


def test_the_ceremony_follows_the_setting(run: Run, log: Path) -> None:
    good(run("log", "-H", "the sweeper", SANITY_CEREMONY="never"))
    assert [entry.text for entry in entries(log)] == ["Hypothesis: the sweeper"]


# --- files that are not what they should be


def test_a_log_that_is_a_folder_is_refused(run: Run, log: Path) -> None:
    log.mkdir()
    for argv in (["tail"], ["status"], ["doctor"], ["hyp", "list"]):
        assert "is a folder" in refused(run(*argv), 3)


def test_a_log_that_is_a_device_is_refused(run: Run) -> None:
    for argv in (["log", "x"], ["tail"]):
        done = run("--log", "/dev/null", "--lock", "x.lock", *argv)
        assert done.returncode == 3
        assert "device" in stderr_lines(done)[-1]


def test_a_name_that_is_too_long_says_so(run: Run) -> None:
    done = run("--log", "x" * 300, "log", "x")
    assert done.returncode == 3
    assert "too long" in stderr_lines(done)[-1]


def test_a_state_folder_that_cannot_be_made_says_so(run: Run) -> None:
    done = run("-j", "checkout", "log", "x", XDG_STATE_HOME="/proc")
    assert done.returncode == 3
    assert "/proc/3am" in stderr_lines(done)[-1]


def test_a_lock_that_is_held_is_exit_4_and_names_the_holder(run: Run, log: Path, tmp_path: Path) -> None:
    with open(tmp_path / "sanity.log.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("log", "x", SANITY_LOCK_TIMEOUT="0.05")
        assert done.returncode == 4
        assert f"pid {os.getpid()}" in stderr_lines(done)[-1]
        assert json.loads(good(run("status", "--json")))["holder"]["pid"] == os.getpid()
    assert not log.exists()


@pytest.mark.parametrize("content", [b"\xff\n", b"toxic_cups = \n", b"toxic_cup = 3\n", b'ceremony = "x"\n'])
@pytest.mark.parametrize("argv", [["log", "x"], ["tail"], ["path"]], ids=" ".join)
def test_bad_settings_are_a_sentence_and_exit_2(
    run: Run, log: Path, tmp_path: Path, content: bytes, argv: list[str]
) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    assert "config.toml" in refused(run(*argv, SANITY_CONFIG=str(tmp_path / "config.toml")), 2)
    assert not log.exists()


# --- other people's files, seen by somebody who is not root

NOBODY = 65534


def test_a_log_that_is_a_symlink_of_somebody_elses_is_refused(run: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    log.symlink_to(tmp_path / "target")
    if os.geteuid() == 0:
        os.lchown(log, NOBODY, NOBODY)
        done = run("log", "x")
        assert done.returncode == 3
        assert "is a symlink of" in stderr_lines(done)[-1]
        assert (tmp_path / "target").read_bytes() == b""
        (tmp_path / "inner").mkdir()
        (tmp_path / "link").symlink_to("inner")
        done = run("log", "--log", f"{tmp_path}/link/../{log.name}", "x")
        assert stderr_lines(done)[-1].endswith(": name the file that it points to")
    else:  # only root can make one: our own is resolved
        good(run("log", "x"))


# --- coffee, water, sleep, status


def test_the_human_state_goes_up_and_down_in_the_log(run: Run, log: Path) -> None:
    for argv in (["coffee", "5"], ["coffee", "--undo"], ["water"]):
        good(run(*argv))
    read = entries(log)
    assert [entry.cups for entry in read] == [1, 2, 3, 4, 5, 5, 4, 4]
    assert [entry.tag("MG") for entry in read] == ["95"] * 5 + [None, "-95", None]
    assert read[5].text == TOXIC_TEXT
    facts = json.loads(good(run("status", "--json")))
    assert {key: facts[key] for key in ("cups", "water", "open", "lock", "toxic")} == {
        "cups": 4, "water": 1, "open": 0, "lock": "free", "toxic": False
    }  # fmt: skip
    assert facts["mg"] == pytest.approx(380, abs=1)
    good(run("sleep"))
    assert json.loads(good(run("status", "--json")))["cups"] == 0


def test_reminders_that_cannot_be_read_do_not_change_the_exit_code_of_a_coffee(
    run: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise FileUnusable("the log cannot be read")

    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("threeam.cli.coffee.sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setattr("threeam.cli.coffee.coffee_reminders", fail)
    done = run("coffee")
    assert (done.returncode, stderr_lines(done)) == (0, ["3am: no reminders: the log cannot be read"])
    assert len(entries(log)) == 1


def test_an_interrupt_after_a_rotation_does_not_hide_it(
    run: Run, night_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: LockedLog) -> str:
        signal.raise_signal(signal.SIGINT)  # to this thread: another one need not defer it
        return ""

    monkeypatch.setattr(LockedLog, "prune_rotated", interrupt)
    assert Path(good(run("rotate")).strip()).exists()


def test_a_cup_that_is_not_there_cannot_be_taken_back(run: Run) -> None:
    assert "none this night" in refused(run("coffee", "--undo"), 1)


@pytest.mark.parametrize("argv", [["status"], ["status", "--tmux"]], ids=" ".join)
def test_status_is_one_line_without_a_log(run: Run, log: Path, argv: list[str]) -> None:
    printed = good(run(*argv))
    assert printed.count("\n") == 1
    assert "0 open" in printed
    assert not log.exists()


def test_status_says_toxic_in_a_word(run: Run) -> None:
    good(run("coffee", "5"))
    assert "5 TOXIC" in good(run("status"))
    assert "#[reverse]☕ 5 TOXIC#[noreverse] · 0 open" in good(run("status", "--tmux"))


def test_the_status_of_tmux_fits_40_cells(run: Run) -> None:
    good(run("coffee", "-q", "5", "--mg", "400"))
    for number in range(12):
        good(run("hyp", "new", "-q", f"number {number}"))
    printed = good(run("status", "--tmux")).rstrip("\n")
    plain = printed.replace("#[reverse]", "").replace("#[noreverse]", "")
    assert plain.startswith("☕ 5 TOXIC · 12 open · 2000 mg▲")
    assert cell_len(plain) <= 40
    assert "c 5 TOXIC" in good(run("status", "--tmux", SANITY_EMOJI="false"))


def test_a_dose_that_a_hand_wrote_with_400_digits_prints_no_traceback(run: Run, log: Path) -> None:
    log.write_bytes(line(0, "Coffee: a lot", ("BY", "alice@db1:1"), ("MG", "1" + "0" * 400), ("WATER", "9" * 4300)))
    for argv in (["status"], ["status", "--json"], ["sleep"], ["water"]):
        good(run(*argv))


# --- hyp


def test_a_hypothesis_has_its_story_told_from_the_shell(run: Run, log: Path) -> None:
    good(run("hyp", "new", "the", "sweeper"))
    assert entries(log)[1].hypothesis == (1, "open")
    assert good(run("hyp", "list")) == "H1   open      +0 -0  the sweeper\n"
    good(run("hyp", "refute", "h1", "it was off"))
    (hypothesis,) = [json.loads(line) for line in good(run("hyp", "list", "--json")).splitlines()]
    assert (hypothesis["number"], hypothesis["state"], hypothesis["claim"], hypothesis["why"]) == (
        1,
        "refuted",
        "the sweeper",
        "it was off",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", hypothesis["ts"])
    assert isinstance(hypothesis["ts_ns"], str)
    shown = parse_entries(good(run("hyp", "show", "1")).encode())
    assert [entry.text for entry in shown] == ["Hypothesis: the sweeper", "Conclusion: it was off"]


def test_a_hypothesis_of_the_scripts_can_be_refuted_by_its_stamp(run: Run, night_log: Path) -> None:
    cited = f"@{Stamp(LONG_AGO.ns + 1)}"
    good(run("hyp", "refute", cited, "cron was off"))
    numbered, verdict = parse_entries(b"\n".join(night_log.read_bytes().splitlines()[-2:]))
    assert (numbered.hypothesis, numbered.text) == ((2, "open"), f"Hypothesis: {cited} the cron job")
    assert (verdict.hypothesis, verdict.text) == ((2, "refuted"), "Conclusion: cron was off")
    story = parse_entries(good(run("hyp", "show", "H2")).encode())
    assert [entry.text for entry in story] == ["Hypothesis: the cron job", numbered.text, verdict.text]


@pytest.mark.parametrize(
    "argv", [["show", "H9"], ["refute", "H9", "x"], ["park", "@nonsense", "x"], ["refute", "H1", "again"]], ids=" ".join
)
def test_the_answer_may_be_no(run: Run, night_log: Path, argv: list[str]) -> None:
    before = night_log.read_bytes()
    refused(run("hyp", *argv), 1)
    assert night_log.read_bytes() == before


# --- doctor and path


def test_the_doctor_finds_damage_and_changes_nothing(run: Run, night_log: Path) -> None:
    before = night_log.read_bytes()
    offset = before.index(b"kernel")
    done = run("doctor")
    assert done.returncode == 5
    assert done.stdout.decode().startswith(f"sanity.log, offset {offset}, line 6: ")
    assert "1 finding in" in stderr_lines(done)[0]
    finding = json.loads(run("doctor", "--json").stdout)
    assert (finding["offset"], finding["line"], finding["what"]) == (offset, 6, "foreign")
    assert night_log.read_bytes() == before


def test_the_doctor_calls_a_sound_log_sound(run: Run, log: Path) -> None:
    good(run("log", "-H", "x"))
    done = run("doctor")
    assert good(done) == ""
    assert stderr_lines(done)[0].endswith(": sound; 1 critical section")
    good(run("log", "-H", "y"))
    assert stderr_lines(run("doctor"))[0].endswith(": sound; 2 critical sections, and none overlaps")


def test_the_doctor_calls_no_log_that_is_not_there_sound(run: Run, log: Path) -> None:
    done = run("doctor")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no log at" in stderr_lines(done)[0]
    assert not log.exists()


def test_the_words_of_a_verdict_that_is_declined_are_handed_back(run: Run) -> None:
    done = run("hyp", "refute", "H9", "precious", "why")
    assert done.returncode == 1
    assert stderr_lines(done)[0] == "3am: not written: precious why"


def test_path_says_which_files_and_why(run: Run, log: Path, tmp_path: Path) -> None:
    printed = good(run("path"))
    assert re.search(rf"^log +{re.escape(str(log))} +\(SANITY_LOG\)$", printed, re.MULTILINE)
    assert re.search(r"^lock .*\(SANITY_LOCK\)$", printed, re.MULTILINE)
    assert re.search(r"^settings .*config.toml +\(default\)$", printed, re.MULTILINE)
    assert re.search(r"^log +/x/y.log +\(--log\)$", good(run("path", "--log", "/x/y.log")), re.MULTILINE)


def test_path_tells_the_settings_in_force_and_where_each_comes_from(run: Run) -> None:
    printed = good(run("path", "--settings", SANITY_TOXIC_CUPS="6"))
    assert re.search(r"^toxic_cups = 6 +# SANITY_TOXIC_CUPS$", printed, re.MULTILINE)
    assert re.search(r"^cup_mg = 95 +# default$", printed, re.MULTILINE)


def test_path_reports_keys_that_name_no_action_or_clash(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('keys = { cofee = "f2", note = "c" }')
    done = run("path", "--settings", SANITY_CONFIG=str(settings))
    assert done.returncode == 0
    assert b"keys in the settings: there is no action cofee; did you mean coffee?" in done.stderr
    assert b"keys in the settings: c is the key of coffee and note" in done.stderr


def test_what_path_prints_of_the_settings_is_a_settings_file(
    run_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        'reminders = "none"\nkeep = "all"\nemoji = false\ntheme = "a \\"b\\" \\u007f"\nhalf_life_h = 4.5\n'
        '[keys]\ncoffee = "f2"\n"an odd one" = "c,d"\n'
    )
    monkeypatch.setenv("SANITY_CONFIG", str(config))
    printed = good(run_here("path", "--settings"))
    config.write_text(printed)
    again = good(run_here("path", "--settings"))
    in_force = tomllib.loads(printed)
    assert tomllib.loads(again) == in_force
    assert (in_force["emoji"], in_force["keep"], in_force["reminders"]) == (False, "all", ["none"])
    assert in_force["keys"] == {"coffee": "f2", "an odd one": "c,d"}
    assert "log = " in printed


def test_status_has_no_signs_if_the_settings_say_so(run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert good(run_here("status")).startswith("☕ 0 ")
    monkeypatch.setenv("SANITY_EMOJI", "false")
    printed = good(run_here("status"))
    assert printed.isascii()
    assert printed.startswith("c 0 0 mg | w 0 | 0 open | lock ")


@pytest.mark.parametrize("argv", [["-j", "checkout", "log", "x"], ["log", "-j", "checkout", "x"]], ids=" ".join)
def test_the_options_of_every_command_may_stand_before_or_after_it(run: Run, tmp_path: Path, argv: list[str]) -> None:
    good(run(*argv, XDG_STATE_HOME=str(tmp_path / "state")))
    assert (tmp_path / "state" / "3am" / "checkout.log").exists()


# --- 3am by itself
