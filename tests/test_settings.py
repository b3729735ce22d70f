"""The settings: what is read from where, and what the shipped file says."""

import contextlib
import re
import tomllib
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.policy import Policy
from daemon.settings import InheritedSocket, Settings, TcpAddress, UnixAddress, by_id, load
from daemon.settings.load import keys
from daemon.settings.values import NeedsRestart, format_duration, parse_duration
from tests.written_settings import KEY_1, KEY_2, settings_from

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "daemon.toml"


# ---- the shipped file ------------------------------------------------------------------------------------------------


def uncommented() -> str:
    return re.sub(r"^#(?=[^ ])|^#(?=  \"|\])", "", SHIPPED.read_text(), flags=re.MULTILINE)


def test_the_shipped_file_as_it_is_changes_no_default() -> None:
    assert load(SHIPPED, environ={}) == Settings()


def test_every_key_stands_in_the_shipped_file_and_no_other() -> None:
    stated = {(section, key) for section, table in tomllib.loads(uncommented()).items() for key in table}
    assert stated == {key for key, _ in keys()}


@pytest.mark.parametrize("key", [key for key, _ in keys()], ids=".".join)
def test_the_default_in_the_shipped_file_is_the_model_s(key: tuple[str, str], tmp_path: Path) -> None:
    section, name = key
    shipped = settings_from(uncommented(), tmp_path)
    assert getattr(getattr(shipped, section), name) == getattr(getattr(Settings(), section), name)


@pytest.mark.parametrize("key", [key for key, _ in keys()], ids=".".join)
def test_the_shipped_file_says_which_keys_need_a_restart(key: tuple[str, str]) -> None:
    section, name = key
    field = dict(keys())[key]
    body = SHIPPED.read_text().split(f"\n[{section}]\n")[1]
    before = body.split(f"\n#{name} = ")[0]
    comment = [part for part in before.split("\n\n") if part.lstrip().startswith("# ")][-1]
    assert ("(restart)" in comment) == any(isinstance(mark, NeedsRestart) for mark in field.metadata)


# ---- where values come from ------------------------------------------------------------------------------------------


def test_the_environment_goes_before_credentials_and_credentials_before_the_file(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "freshbooks.client_id").write_text("from credential\n")
    (credentials / "freshbooks.client_secret").write_text("from credential\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "SYNCD_FRESHBOOKS__CLIENT_ID": "from environment",
        "HOME": "/",
    }
    text = '[freshbooks]\nclient_id = "file"\nclient_secret = "file"\napi_version = "file"'
    settings = settings_from(text, tmp_path, environ)
    assert settings.freshbooks.client_id == "from environment"
    assert settings.freshbooks.client_secret.get_secret_value() == "from credential"
    assert settings.freshbooks.api_version == "file"


def test_lists_and_keys_can_stand_in_one_line(tmp_path: Path) -> None:
    environ = {
        "SYNCD_FRESHBOOKS__SCOPES": "user:a:read user:b:read",
        "SYNCD_ENCRYPTION__KEYS": f"2026-01:{KEY_1}, old:{KEY_2}",
        "SYNCD_PUBLIC__LINK_KEYS": "p:" + "a" * 32,
    }
    settings = settings_from("", tmp_path, environ)
    assert settings.freshbooks.scopes == ("user:a:read", "user:b:read")
    assert list(by_id(settings.encryption.keys).items()) == [("2026-01", KEY_1), ("old", KEY_2)]
    assert by_id(settings.public.link_keys) == {"p": "a" * 32}


def test_settings_made_from_keywords_read_no_environment() -> None:
    assert Settings.model_validate({"log": {"level": "debug"}}).log.level == "debug"


def test_settings_cannot_be_changed_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings().log, "level", "debug")  # noqa: B010 -- mypy rightly refuses the plain way


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", TcpAddress("127.0.0.1", 80)),
        ("[::1]:0", TcpAddress("::1", 0)),
        ("unix:/run/a.sock", UnixAddress(Path("/run/a.sock"))),
        ("systemd", InheritedSocket()),
    ],
)
def test_a_listener_is_a_port_a_unix_socket_or_systemd_s(text: str, expected: object, tmp_path: Path) -> None:
    settings = settings_from(f'[internal]\nlisten = "{text}"', tmp_path)
    assert settings.internal.listen == expected
    assert str(settings.internal.listen) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20s", 20),
        ("3m", 180),
        ("1h30m", 5400),
        ("7d", 604800),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("90", 90),
        (45, 45),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_written_with_its_unit_or_in_seconds(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(
    st.timedeltas(timedelta(milliseconds=1), timedelta(days=400)).map(
        lambda t: timedelta(seconds=int(t.total_seconds()))
    )
)
def test_a_written_duration_reads_back_as_itself(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_no_text_makes_the_duration_reader_fail_otherwise_than_by_refusing(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_duration(value), timedelta)


# ---- the policy ------------------------------------------------------------------------------------------------------


def leaves(value: object, path: str = "") -> dict[str, object]:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: leaf
            for field in fields(value)
            for name, leaf in leaves(getattr(value, field.name), f"{path}.{field.name}").items()
        }
    return {path: value}


def test_the_default_settings_are_the_default_policy() -> None:
    assert Settings().policy() == Policy()


def test_every_value_of_the_policy_can_be_set() -> None:
    changed: dict[str, dict[str, object]] = {}
    for (section, name), _ in keys():
        value = getattr(getattr(Settings(), section), name)
        if section in {"sync", "rate", "push", "verify"}:
            changed.setdefault(section, {})[name] = value * 2 if isinstance(value, timedelta) else value
            if isinstance(value, bool):
                changed[section][name] = not value
            elif isinstance(value, (int, float)):
                changed[section][name] = value / 2 if isinstance(value, float) and value < 1 else max(1, value - 1)
    before, after = leaves(Policy()), leaves(Settings.model_validate(changed).policy())
    assert [name for name in before if before[name] == after[name]] == []
