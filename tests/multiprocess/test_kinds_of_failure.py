"""Kinds of failure in experiments of real processes: the log, `--report`, and `--kind`."""

from __future__ import annotations

from pathlib import Path

from support.commands import Run, good, refused
from support.experiment_runs import all_entries, lines_of, report_json
from support.processes import eventually, three_am

# Its runs fail in two ways by turns, one of them with the number of the run in it; each fourth one passes.
TWO_WAYS = """
echo x >> turns; n=$(($(wc -l < turns)))
echo "run $n begins"
[ -e go ] || [ $n -ne 7 ] || exec sleep 600
case $((n % 4)) in
0) exit 0 ;;
1) echo "LOST UPDATE: $n of $((2 * n)) are left"; exit 1 ;;
*) echo "cannot connect to the server"; exit 1 ;;
esac
"""


def kinds(log: Path) -> list[str]:
    """The letter of each run that did not pass, in the order of the runs."""
    runs = [entry.tag("RUN") or "" for entry in all_entries(log) if entry.kind == "Run"]
    return [value.rpartition("kind=")[2] for value in runs if "kind=" in value]


def test_a_report_tells_the_kinds_apart_and_prints_the_outputs_of_one(log: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    assert run("run", "-q", "-n", "9", "--", "sh", "-c", TWO_WAYS).returncode == 1
    assert kinds(log) == ["a", "b", "b", "a", "b", "b", "a"]
    report = run("run", "--report", "R1").stdout.decode()
    assert "  abb·abb·a\n" in report
    assert "KINDS OF FAILURE\n  a LOST UPDATE: 1 of 2 are left\n      bare 3/9 · first in run 1 · " in report
    assert "  b cannot connect to the server\n      bare 4/9 · first in run 2 · " in report
    first, second = report_json(run)["kinds"]
    assert (first["kind"], first["what"], first["first_run"]) == ("a", "LOST UPDATE: 1 of 2 are left", 1)
    assert (second["kind"], second["outcome"], second["runs"]) == ("b", "failed", {"bare": 4})
    outputs = good(run("run", "--report", "R1", "--kind", "a")).splitlines()
    assert [line for line in outputs if not line.startswith("== R1 ")] == [
        *("run 1 begins", "LOST UPDATE: 1 of 2 are left"),
        *("run 5 begins", "LOST UPDATE: 5 of 10 are left"),
        *("run 9 begins", "LOST UPDATE: 9 of 18 are left"),
    ]
    assert [line.partition(", ")[0] for line in outputs if line.startswith("== ")] == [
        "== R1 1/9 bare",
        "== R1 5/9 bare",
        "== R1 9/9 bare",
    ]


def test_a_kind_or_an_output_that_is_not_there_is_reported(log: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    run("run", "-q", "-n", "2", "--", "sh", "-c", TWO_WAYS)
    assert "R1 has no kind of failure c: it has a, b" in refused(run("run", "--report", "R1", "--kind", "c"), 1)
    for path in Path(f"{log}.d").glob("R1-1-*.out"):
        path.unlink()
    lost = run("run", "--report", "R1", "--kind", "a")
    assert (lost.returncode, lost.stdout, b"does not exist" in lost.stderr) == (3, b"", True)
    for flags in (["--kind", "a", "--", "true"], ["--report", "R1", "--kind", "a", "--json"]):
        assert b"3am run --report R12 --kind a" in run("run", *flags).stderr


def test_a_plan_that_was_killed_names_kinds_alike_when_it_is_resumed(log: Path, run: Run, tmp_path: Path) -> None:
    with three_am("run", "-q", "-n", "12", "--", "sh", "-c", TWO_WAYS) as running:
        eventually(lambda: len(lines_of(tmp_path / "turns")) == 7, "the 7th run goes on")
        running.kill()
        running.wait(20)
    eventually(lambda: b" lost exit=" in log.read_bytes(), "a line says that it has no result")
    (tmp_path / "go").touch()
    (tmp_path / "turns").write_text("x\n" * len(kinds_and_passes(log)))
    assert run("run", "-q", "--resume", "R1").returncode == 1
    assert "".join(kinds_and_passes(log)) == 3 * "abb."
    assert [entry.body for entry in all_entries(log) if entry.kind == "Kind"] == [
        "a LOST UPDATE: 1 of 2 are left",
        "b cannot connect to the server",
    ]


def kinds_and_passes(log: Path) -> list[str]:
    """The letter of each run that has a result, in the order of the runs; a full stop if it passed."""
    runs = [entry.tag("RUN") or "" for entry in all_entries(log) if entry.kind == "Run"]
    return [value[-1] if "kind=" in value else "." for value in runs if " lost " not in value]
