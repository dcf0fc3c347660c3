"""Tab in real shells, each on a terminal of its own: bash, zsh, and fish by its `complete -C`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminals import Terminal, terminal

from support.commands import Run, command, good
from support.journals import entries
from support.shells import run_shell

COMPLETED = [  # what is typed, and the line after Tab
    ("3am stat", "3am status "),
    ("3am hyp contra", "3am hyp contradict "),
    ("3am tail --foll", "3am tail --follow "),
    ("3am -j car", "3am -j cart "),
    ("3am -j cart tail --hyp ", "3am -j cart tail --hyp H1 "),
    ("3am -j cart hyp refute ", "3am -j cart hyp refute H1 "),
    ("3am run --report ", "3am run --report R1 "),
    ("3am restore data --engine po", "3am restore data --engine postgres "),
    ("3am export --hyp=", "3am export --hyp=H2 "),
    ("3am help troub", "3am help troubleshooting "),
    ("3am fork --to some-f", "3am fork --to some-file "),
]


@pytest.fixture
def names(run: Run, bare_home: Path, tmp_path: Path) -> None:
    """Write two journals: the one of a variable, and cart."""
    (tmp_path / "some-file").touch()
    good(run("-j", "cart", "hyp", "new", "-q", "the sweeper races the writer"))
    for text in ("one", "two"):
        good(run("hyp", "new", "-q", text, SANITY_JOURNAL="main"))
    good(run("hyp", "refute", "H1", "-q", "no", SANITY_JOURNAL="main"))
    good(run("run", "-q", "--", "true", SANITY_JOURNAL="main"))


def completion(shell: str, folder: Path) -> Path:
    path = folder / f"completion.{shell}"
    path.write_bytes(subprocess.run([command(), "completion", shell], capture_output=True, check=True).stdout)
    return path


@contextmanager
def interactive(shell: str, folder: Path) -> Iterator[Terminal]:
    """Start ``shell`` with the completion, and wait for its prompt."""
    rc = folder / ".zshrc"
    setup = f"PS1='ready> '\nsource {completion(shell, folder)}\n"
    rc.write_text(f"autoload -U compinit && compinit -D\n{setup}" if shell == "zsh" else setup)
    argv = ["zsh", "-i"] if shell == "zsh" else ["bash", "--noprofile", "--rcfile", str(rc), "-i"]
    with terminal(argv=argv, ZDOTDIR=str(folder), SANITY_JOURNAL="main", INPUTRC="/dev/null") as shown:
        shown.shows("ready>")
        yield shown


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=pytest.mark.slow)])
def test_tab_completes_a_line(shell: str, tmp_path: Path) -> None:
    with interactive(shell, tmp_path) as shown:
        for typed, line in COMPLETED:
            if typed == "3am export --hyp=":
                continue
            shown.send(typed + "\t")
            shown.eventually(lambda line=line: f"ready> {line.rstrip()}" in shown.shown, f"the line is {line!r}")
            shown.send("|\x15")  # the space behind a word that is complete; then an empty line
            shown.eventually(lambda: shown.shown.rstrip().endswith("ready>"), "an empty line")


@pytest.mark.slow
@pytest.mark.usefixtures("names")
def test_fish_completes_a_line(tmp_path: Path) -> None:
    source = f"source {completion('fish', tmp_path)}"
    for typed, line in COMPLETED:
        done = run_shell("fish", f"{source}; complete -C '{typed}'", SANITY_JOURNAL="main")
        assert done.stderr == b""
        values = [row.partition("\t")[0] for row in done.stdout.decode().splitlines()]
        assert line.split()[-1] in values, (typed, values)


@pytest.mark.slow
@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_stamp_is_listed_with_its_words_and_completed(shell: str, bare_home: Path, tmp_path: Path) -> None:
    stamp = entries(bare_home / ".local/state/3am/cart.log")[1].stamp
    form = f"@{stamp.time_of_day[:12]}"
    with interactive(shell, tmp_path) as shown:
        shown.send("3am -j cart correct \t")
        shown.eventually(lambda: f"3am -j cart correct {form}" in shown.shown, "the only stamp is completed")
        shown.send("\x153am hyp sup\t\t")
        shown.eventually(lambda: "3am hyp support" in shown.shown, "the verb is completed")
        shown.send("\x153am tail --kind con\t\t")
        shown.shows("evidence against a hypothesis")


@pytest.mark.slow
@pytest.mark.usefixtures("names")
def test_zsh_lists_a_name_once_and_its_help_in_a_column(tmp_path: Path) -> None:
    with interactive("zsh", tmp_path) as shown:
        shown.send("3am -j \t\t")
        shown.eventually(lambda: sorted(shown.shown.split("3am -j")[-1].split()) == ["cart", "main"], "the names once")
        shown.send("\x153am tail --\t\t")
        shown.shows("one object a line")
        rows = [re.match(r"--(?:since|not|follow) +", row) for row in shown.shown.splitlines()]
        assert [row.end() for row in rows if row] == [len("--journal  ")] * 3


@pytest.mark.usefixtures("names")
def test_a_damaged_setting_completes_nothing_and_says_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("no = [\n")
    done = run("completion", "candidates", "--", "tail", "--hyp", "", SANITY_CONFIG=str(tmp_path / "bad.toml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    "words",
    [
        ("correct", ""),
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in [("",), ("tail", "--"), ("hyp", "refute", ""), ("-j", "")]
        ),
    ],
)
def test_candidates_load_no_screen(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANITY_JOURNAL", "cart")
    code = "import sys; from threeam.cli.main import main; main(sys.argv[1:]); print(sorted(sys.modules))"
    argv = [sys.executable, "-c", code, "completion", "candidates", "--", *words]
    *found, modules = subprocess.run(argv, capture_output=True, check=True, text=True).stdout.splitlines()
    assert found
    for name in ("textual", "rich", "rich_argparse", "jinja2", "psutil", "asyncio"):
        assert f"'{name}'" not in modules, f"{name} is loaded"
