"""The address of an engine and the file of credentials: what is refused, and that no message has a password in it."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import pytest
from nats.aio.client import Client

from support.commands import Run, refused
from threeam.core.errors import BadInput, BadSetting, FileUnusable
from threeam.team.nats.nats_carrier import connect
from threeam.team.nats.nats_target import Credentials, parse_target, read_credentials

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://db1", "nats://db1:4222/night"),
        ("nats://db1:14222/friday_2", "nats://db1:14222/friday_2"),
        ("tls://[::1]:4222/", "tls://[::1]:4222/night"),
    ],
)
def test_an_address(url: str, shown: str) -> None:
    assert str(parse_target(url)) == shown


@pytest.mark.parametrize(
    "url",
    ["db1", "http://db1", "nats://", "nats://db1:x", "nats://db1/a.b", "nats://db1/*", "nats://db1/" + "a" * 33],
)
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        parse_target(url)


def test_a_password_in_an_address_is_refused_and_not_repeated(run: Run, night_log: Path) -> None:
    done = refused(run("team", f"nats://db1:{SECRET}@127.0.0.1:1"), 2)
    assert "mode 0600" in done
    assert SECRET not in done


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "team.toml"
    path.write_text(f'password = "{SECRET}"\n')
    path.chmod(mode)
    with pytest.raises(FileUnusable, match="chmod 600"):
        read_credentials(str(path))


@pytest.mark.parametrize("text", [f'password = {SECRET}"', f'passwort = "{SECRET}"', "password = 1"])
def test_a_file_that_cannot_be_understood_is_refused_without_its_content(text: str, tmp_path: Path) -> None:
    path = tmp_path / "team.toml"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(BadSetting) as refusal:
        read_credentials(str(path))
    assert SECRET not in str(refusal.value)


def test_credentials_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "team.toml"
    path.touch(0o600)
    path.write_text(f'user = "db1"\npassword = "{SECRET}"\nca = "~/ca.pem"\n')
    credentials = read_credentials(str(path))
    assert (credentials.user, credentials.password) == ("db1", SECRET)
    assert credentials.ca is not None
    assert credentials.ca.endswith("/home/ca.pem")
    assert SECRET not in repr(credentials)


def test_a_crash_while_connecting_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_args: object, **options: object) -> None:
        assert options["password"] == SECRET
        raise RuntimeError("crashed")

    async def open_connection() -> None:
        async with connect(
            parse_target("nats://127.0.0.1:1"), Credentials("team.toml", "db1", SECRET), may_create=False
        ):
            pass

    async def close(_client: Client) -> None:
        pass

    monkeypatch.setattr(Client, "connect", crash)
    monkeypatch.setattr(Client, "close", close)
    with pytest.raises(RuntimeError) as failure:
        asyncio.run(open_connection())
    assert SECRET not in "".join(traceback.format_exception(failure.value))
