"""Which files and settings: a flag beats the environment, which beats the file, which beats the default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threeam.core.config.identity import current_author
from threeam.core.config.settings import PathFlags, ResolvedConfig, load_config
from threeam.core.errors import BadInput, BadSetting, FileUnusable
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG
from threeam.core.write.log_file import LogFile

USER = 1000
NONE = PathFlags()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / ".config" / "3am"
    folder.mkdir(parents=True)
    return folder / "config.toml"


def refused(flags: PathFlags, environ: dict[str, str], uid: int = USER) -> str:
    with pytest.raises(BadSetting) as caught:
        load_config(flags, environ, uid)
    return str(caught.value)


def log_of(flags: PathFlags, environ: dict[str, str], uid: int = USER) -> tuple[str, str]:
    made = load_config(flags, environ, uid)
    return made.journal.log_path, made.origins["log"]


# --- which log


def test_the_log_is_in_the_state_folder_by_default(environ: dict[str, str], tmp_path: Path) -> None:
    made = load_config(NONE, environ, USER)
    state = tmp_path / "home" / ".local" / "state" / "3am"
    assert made.journal.log_path == str(state / "sanity.log")
    assert made.journal.lock_path == str(state / "sanity.log.lock")
    assert made.journal.state_dir == str(state)
    assert (made.origins["log"], made.origins["lock"]) == ("default", "beside the log")


def test_deciding_creates_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    load_config(NONE, environ, USER)
    assert not (tmp_path / "home" / ".local").exists()


def test_each_source_of_the_log_beats_the_next(environ: dict[str, str], config: Path, tmp_path: Path) -> None:
    flag, variable, file = (str(tmp_path / name) for name in ("flag.log", "env.log", "file.log"))
    config.write_text(f'log = "{file}"\n')
    assert log_of(NONE, environ) == (file, str(config))
    environ["SANITY_LOG"] = variable
    assert log_of(NONE, environ) == (variable, "SANITY_LOG")
    named = str(tmp_path / "home" / ".local" / "state" / "3am" / "checkout.log")
    assert log_of(PathFlags(journal_name="checkout"), environ) == (named, "-j checkout")
    assert log_of(PathFlags(log=flag), environ) == (flag, "--log")


def test_each_source_of_the_lock_beats_the_next(environ: dict[str, str], tmp_path: Path) -> None:
    flag, variable = str(tmp_path / "flag.lock"), str(tmp_path / "env.lock")
    environ["SANITY_LOCK"] = variable
    made = load_config(NONE, environ, USER)
    assert (made.journal.lock_path, made.origins["lock"]) == (variable, "SANITY_LOCK")
    made = load_config(PathFlags(lock=flag), environ, USER)
    assert (made.journal.lock_path, made.origins["lock"]) == (flag, "--lock")


def test_a_log_in_the_settings_may_begin_at_home(
    environ: dict[str, str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", environ["HOME"])
    config.write_text('log = "~/night.log"\n')
    assert log_of(NONE, environ)[0] == environ["HOME"] + "/night.log"


def test_xdg_folders_are_used(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    made = load_config(NONE, environ, USER)
    assert made.journal.log_path == str(tmp_path / "s" / "3am" / "sanity.log")
    assert made.config_path == str(tmp_path / "c" / "3am" / "config.toml")


def test_sanity_config_names_another_settings_file(environ: dict[str, str], config: Path, tmp_path: Path) -> None:
    config.write_text("toxic_cups = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("toxic_cups = 2\n")
    environ["SANITY_CONFIG"] = str(other)
    made = load_config(NONE, environ, USER)
    assert (made.settings.toxic_cups, made.origins["settings"]) == (2, "SANITY_CONFIG")


def test_root_shares_the_log_and_the_lock_of_the_script(environ: dict[str, str]) -> None:
    made = load_config(NONE, environ, 0)
    assert (made.journal.log_path, made.journal.lock_path) == (SCRIPT_LOG, SCRIPT_LOCK)
    assert (SCRIPT_LOG, SCRIPT_LOCK) == ("/var/log/sysadmin_sanity.log", "/tmp/sanity.lock")
    assert made.journal.state_dir is None


@pytest.mark.parametrize("uid", [0, USER])
def test_one_log_has_one_lock_whoever_asks(environ: dict[str, str], uid: int) -> None:
    for log in (SCRIPT_LOG, "/var/log/../log/sysadmin_sanity.log"):
        assert load_config(PathFlags(log=log), environ, uid).journal.lock_path == SCRIPT_LOCK


@pytest.mark.parametrize("lock", [None, "/run/other.lock"])
def test_the_log_of_the_script_has_a_lock_beside_it_as_well(environ: dict[str, str], lock: str | None) -> None:
    """Another /tmp, as of a service with PrivateTmp, has another /tmp/sanity.lock."""
    journal = load_config(PathFlags(log=SCRIPT_LOG, lock=lock), environ, 0).journal
    assert journal.lock_paths == (lock or SCRIPT_LOCK, SCRIPT_LOG + ".lock")


def test_every_other_log_has_one_lock(environ: dict[str, str]) -> None:
    assert load_config(PathFlags(log="/srv/x.log"), environ, 0).journal.lock_paths == ("/srv/x.log.lock",)
    assert load_config(PathFlags(log="/srv/x.log", lock="/run/x"), environ, 0).journal.lock_paths == ("/run/x",)
    beside = SCRIPT_LOG + ".lock"
    assert load_config(PathFlags(log=SCRIPT_LOG, lock=beside), environ, 0).journal.lock_paths == (beside,)


def test_dots_behind_a_symlink_name_the_file_that_they_name_in_a_shell(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``link/..`` is the folder around what the link points to, and not the one around the link."""
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/inner")
    monkeypatch.chdir(tmp_path)
    for name in ("x.log", "x.lock"):
        Path("link", "..", name).touch()
        assert (tmp_path / "real" / name).exists(), "the kernel's answer"
    config = tmp_path / "config.toml"
    config.write_text(f'log = "{tmp_path}/link/../x.log"\n')
    named = {"SANITY_LOG": "link/../x.log", "SANITY_LOCK": "link/../x.lock"}
    for made in (
        load_config(PathFlags(log="link/../x.log", lock="./link/../x.lock"), environ, os.geteuid()),
        load_config(PathFlags(), environ | named, os.geteuid()),
        load_config(
            PathFlags(lock=f"{tmp_path}/link/../x.lock"), environ | {"SANITY_CONFIG": str(config)}, os.geteuid()
        ),
    ):
        assert (made.journal.log_path, made.journal.lock_path) == (
            str(tmp_path / "real/x.log"),
            str(tmp_path / "real/x.lock"),
        )
    with pytest.raises(BadInput, match="is the log itself"):
        load_config(PathFlags(log="real/x.log", lock="link/../x.log"), environ, os.geteuid())
    assert load_config(PathFlags(log="real/x.log"), environ, os.geteuid()).journal.lock_path == str(
        tmp_path / "real/x.log.lock"
    )


def test_dots_behind_a_folder_that_is_missing_name_nothing(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = load_config(PathFlags(log="missing/../x.log"), environ, os.geteuid()).journal
    with pytest.raises(FileUnusable, match=r"cannot be opened: its folder .*/missing/\.\. does not exist; make it"):
        LogFile.create(journal.log_path, 0o600, (os.geteuid(), os.getegid()))


def test_a_lock_lies_beside_what_a_symlink_of_ours_points_to(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "link.log").symlink_to(tmp_path / "real.log")
    made = load_config(PathFlags(log=str(tmp_path / "link.log")), environ, os.geteuid())
    assert (made.journal.log_path, made.journal.lock_path) == (
        str(tmp_path / "real.log"),
        str(tmp_path / "real.log.lock"),
    )


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "...", "a/b", "/a", "../a", "a..b", "a\nb", "a\x1b[2Jb", "a\x7fb", "a\x85b", "a\u202eb", "a\udcff"],
)
def test_a_name_that_is_not_a_plain_word_is_refused(environ: dict[str, str], name: str) -> None:
    sentence = refused(PathFlags(journal_name=name), environ)
    assert "-j" in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize("name", ["checkout", "a.b", "käse", "-", "a b", "2026-11-24"])
def test_a_plain_name_picks_its_log(environ: dict[str, str], name: str) -> None:
    assert log_of(PathFlags(journal_name=name), environ)[0].endswith(f"/3am/{name}.log")


# --- the settings file


def test_the_defaults_are_those_of_the_contract(environ: dict[str, str]) -> None:
    settings = load_config(NONE, environ, USER).settings
    assert (settings.ceremony, settings.toxic_cups, settings.cup_mg, settings.sync) == ("hypotheses", 4, 95, "always")
    assert (settings.half_life_h, settings.night_gap_h, settings.lock_timeout) == (5, 8, 10)
    assert settings.night_gap_ns == 8 * 3600 * NS_PER_S


def test_an_empty_settings_file_is_the_defaults(environ: dict[str, str], config: Path) -> None:
    config.write_text("\n# nothing yet\n")
    assert load_config(NONE, environ, USER).settings == load_config(NONE, {"HOME": "/nowhere"}, USER).settings


VALUES = [
    ("ceremony", "always", "never"),
    ("toxic_cups", 6, 7),
    ("cup_mg", 80, 120),
    ("half_life_h", 3.5, 9.0),
    ("night_gap_h", 6.0, 4.0),
    ("lock_timeout", 2.0, 0.5),
    ("sync", "never", "always"),
    ("theme", "textual-dark", "nord"),
]


@pytest.mark.parametrize(("name", "in_file", "in_environment"), VALUES)
def test_the_environment_beats_the_file_for_every_setting(
    environ: dict[str, str], config: Path, name: str, in_file: object, in_environment: object
) -> None:
    def now() -> tuple[object, str]:
        made: ResolvedConfig = load_config(NONE, environ, USER)
        return getattr(made.settings, name), made.origins[name]

    assert now()[1] == "default"
    config.write_text(f"{name} = {in_file!r}\n")
    assert now() == (in_file, str(config))
    environ[f"SANITY_{name.upper()}"] = str(in_environment)
    assert now() == (in_environment, f"SANITY_{name.upper()}")


@pytest.mark.parametrize(("value", "expected"), [("false", False), ("0", False), ("true", True), ("yes", True)])
def test_emoji_may_be_switched_off(environ: dict[str, str], value: str, expected: bool) -> None:
    assert load_config(NONE, environ | {"SANITY_EMOJI": value}, USER).settings.emoji is expected


def test_keys_are_a_table(environ: dict[str, str], config: Path) -> None:
    config.write_text('[keys]\ncoffee = "f2"\n')
    assert load_config(NONE, environ, USER).settings.keys == {"coffee": "f2"}


@pytest.mark.parametrize(
    "line",
    [
        'ceremony = "sometimes"',
        "ceremony = []",
        "toxic_cups = 4.5",
        "toxic_cups = -1",
        'toxic_cups = "many"',
        "toxic_cups = true",
        "toxic_cups = nan",
        "cup_mg = 0",
        "half_life_h = 0",
        "night_gap_h = 0",
        "lock_timeout = -1",
        "lock_timeout = inf",
        "lock_timeout = 1979-05-27",
        'sync = "perhaps"',
        "sync = true",
        "theme = 3",
        'theme = ""',
        'emoji = "perhaps"',
        "keys = 3",
        "keys = {coffee = 2}",
        "log = 3",
        'log = ""',
        'log = "a\\u0000b"',
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_setting(environ: dict[str, str], config: Path, line: str) -> None:
    config.write_text(line + "\n")
    sentence = refused(NONE, environ)
    assert str(config) in sentence
    assert line.partition(" ")[0] in sentence.removeprefix(str(config)) or "log" in line


@pytest.mark.parametrize(("name", "value"), [("TOXIC_CUPS", "many"), ("CEREMONY", "x"), ("LOCK_TIMEOUT", "soon")])
def test_a_bad_value_in_the_environment_names_the_variable(environ: dict[str, str], name: str, value: str) -> None:
    assert f"SANITY_{name}" in refused(NONE, environ | {f"SANITY_{name}": value})


def test_an_unknown_setting_is_refused_with_the_nearest(environ: dict[str, str], config: Path) -> None:
    config.write_text("toxic_cup = 3\n")
    assert "did you mean 'toxic_cups'?" in refused(NONE, environ)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("toxic_cups = \n", 1),
        ("toxic_cups = 4\n\nceremony = always\n", 3),
        ("toxic_cups = 4\ntoxic_cups = 5\n", 2),
        ('theme = "x\n', 1),
        ("toxic_cups = 4\nkeys = {", 2),
    ],
)
def test_a_broken_settings_file_names_its_line(environ: dict[str, str], config: Path, text: str, line: int) -> None:
    config.write_text(text)
    assert f"{config}, line {line}: " in refused(NONE, environ)


def test_an_undecodable_settings_file_names_its_line(environ: dict[str, str], config: Path) -> None:
    config.write_bytes(b'toxic_cups = 4\ntheme = "\xff"\n')
    assert f"{config}, line 2: bytes that are not UTF-8" in refused(NONE, environ)


@pytest.mark.parametrize("value", ["[" * 5000, "1" * 5000], ids=["nested too deep", "a number too long"])
def test_a_settings_file_that_the_parser_cannot_bear_is_refused(
    environ: dict[str, str], config: Path, value: str
) -> None:
    config.write_text(f"toxic_cups = {value}\n")
    assert str(config) in refused(NONE, environ)


def test_a_settings_file_that_is_a_folder_is_refused(environ: dict[str, str], config: Path) -> None:
    config.mkdir()
    assert f"{config} cannot be read" in refused(NONE, environ)


# --- who writes


@pytest.fixture
def logname(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("LOGNAME", "alice")
    return monkeypatch


@pytest.mark.usefixtures("logname")
def test_the_author_is_the_user_on_this_host_in_this_process() -> None:
    by = current_author({}, USER)
    assert (by.user, by.pid, by.pane) == ("alice", os.getpid(), "")


@pytest.mark.usefixtures("logname")
def test_under_sudo_the_author_is_the_person_behind_it() -> None:
    assert current_author({"SUDO_USER": "carol"}, 0).user == "carol"
    assert current_author({"SUDO_USER": "carol"}, USER).user == "alice"  # no sudo: anybody can set a variable


@pytest.mark.usefixtures("logname")
@pytest.mark.parametrize(
    ("environ", "pane"),
    [
        ({"TMUX": "/tmp/x,1,0", "TMUX_PANE": "%3"}, "%3"),
        ({"TMUX_PANE": "%3"}, ""),
        ({"TMUX": "/tmp/x,1,0"}, ""),
        ({"TMUX": "/tmp/x,1,0", "TMUX_PANE": "%3] [H9: open"}, ""),
    ],
)
def test_the_pane_is_named_inside_tmux(environ: dict[str, str], pane: str) -> None:
    assert current_author(environ, USER).pane == pane


@pytest.mark.parametrize("name", ["a b", "a@b", "a:b", "a]b", "a[b", "a\nb", "a\x1bb", "a\udcffb"])
def test_a_user_name_cannot_break_the_tag(logname: pytest.MonkeyPatch, name: str) -> None:
    logname.setenv("LOGNAME", name)
    user = current_author({}, USER).user
    assert user.isascii()
    assert user.isprintable()
    assert not set(user) & set(" @:[]")
