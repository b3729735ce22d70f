"""The settings: what is read from where, what is refused and in which words, and what a reload may change."""

import base64
import contextlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.errors import SettingsError
from daemon.core.policy import Policy
from daemon.settings import InheritedSocket, Settings, TcpAddress, UnixAddress, by_id, diff, load, require_complete
from daemon.settings.load import keys
from daemon.settings.values import NeedsRestart, format_duration, parse_duration

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "daemon.toml"
KEY_1 = base64.b64encode(b"1" * 32).decode()
KEY_2 = base64.b64encode(b"2" * 32).decode()


def settings_from(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    path = tmp_path / "daemon.toml"
    path.write_text(text)
    return load(path, environ=environ or {})


def refusal(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from(text, tmp_path, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


# ---- what is refused, and in which words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sync]\npayment_interval = "3m"', ("sync.payment_interval", "did you mean payments_interval?")),
        ("[synk]", ("[synk]", "did you mean sync?")),
        ('level = "info"', ("level", "stands in [log]")),
        ("[demo]\nenabled = true", ("[demo]", "no section")),
        ("log = 3", ("log is a section", "[log]")),
        ("[rate]\nqqq = 1", ("rate.qqq", "the keys of [rate] are calls_per_window, creates_per_window")),
        ('[sync]\npayments_interval = "3 parsecs"', ("sync.payments_interval", "'3 parsecs' is no duration", '"3m"')),
        ("[sync]\npayments_interval = 0", ("sync.payments_interval", "must be above 0")),
        ("[sync]\npayments_interval = 1e300", ("sync.payments_interval", "is no duration")),
        ("[sync]\npayments_interval = nan", ("sync.payments_interval", "is no duration")),
        ("[sync]\npayments_interval = true", ("sync.payments_interval", "True is no duration")),
        ('[sync]\noverlap = "3h"', ("sync", "overlap is below a day", "1d")),
        ('[sync]\nbackoff_first = "1h"', ("sync", "backoff_first is above backoff_maximum")),
        ("[sync]\npage_size = 200", ("sync.page_size", "less than or equal to 100")),
        ('[rate]\nburst = "many"', ("rate.burst", "valid integer")),
        ('[log]\nlevel = "loud"', ("log.level", "'debug', 'info', 'warning' or 'error'")),
        ('[public]\nlisten = "8080"', ("public.listen", "'8080' is no address", "127.0.0.1:8080")),
        ('[public]\nlisten = "host:99999"', ("public.listen", "is no address")),
        ('[public]\nbase_url = "books.example.com"', ("public.base_url", "https://host")),
        ('[public]\nbase_url = "http://books.example.com"', ("public.base_url", "use https")),
        ('[public]\nbase_url = "https://a:b@books.example.com"', ("public.base_url", "no user")),
        ('[public]\nbase_url = "https://[::1"', ("public.base_url", "is no URL")),
        (
            '[public]\nlink_keys = [{id = "a", key = "short"}]',
            ("public.link_keys[0].key", "has 5 characters", "openssl rand -hex 32"),
        ),
        (
            '[encryption]\nkeys = [{id = "a", key = "!"}]',
            ("encryption.keys[0].key", "no base64", "openssl rand -base64 32"),
        ),
        ('[encryption]\nkeys = [{id = "a", key = "YQ=="}]', ("encryption.keys[0].key", "1 bytes and needs 32")),
        (f'[encryption]\nkeys = [{{id = "a:b", key = "{KEY_1}"}}]', ("encryption.keys[0].id", "letters, digits")),
        (f'[encryption]\nkeys = [{{id = "a"}}, {{id = "b", key = "{KEY_1}"}}]', ("encryption.keys[0].key", "missing")),
        (f'[encryption]\nkeys = [{{id = "a", key = "{KEY_1}", is = 1}}]', ("encryption.keys[0].is", "no such key")),
        ("[postgres]\nconnections_max = 1", ("postgres.connections_max", "greater than or equal to 2")),
        ('[postgres]\ndsn = "host=x"', ("postgres.dsn", "no address of a Postgres", "postgresql://USER@HOST")),
        ('[postgres]\ndsn = "postgresql://h:hush/x"', ("postgres.dsn", "no address of a Postgres")),
        ('[postgres]\ndsn = "postgresql://h:0/x"', ("postgres.dsn", "no address of a Postgres")),
        ("[log]\nlevel =\n", ("not valid TOML", "line 2")),
        ("[log]\n[log]", ("not valid TOML", "line 2")),
        ('[sync]\npage_size = 0\n[log]\nlevel = "loud"', ("sync.page_size", "(and 1 more)")),
    ],
)
def test_a_wrong_setting_is_refused_by_name_with_the_next_step(
    text: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    sentence = refusal(text, tmp_path)
    assert str(tmp_path / "daemon.toml") in sentence
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql:///syncd?host=/var/run/postgresql",
        "postgres://u:p@h:5432/x",
        "postgresql://u@h1:5432,h2:5433/x?target_session_attrs=read-write",
    ],
)
def test_a_dsn_may_name_a_socket_a_host_or_several(dsn: str, tmp_path: Path) -> None:
    assert settings_from(f'[postgres]\ndsn = "{dsn}"', tmp_path).postgres.dsn.get_secret_value() == dsn


def test_the_same_key_id_twice_is_refused(tmp_path: Path) -> None:
    text = f'[encryption]\nkeys = [{{id = "a", key = "{KEY_1}"}}, {{id = "a", key = "{KEY_2}"}}]'
    assert "key id a is used twice" in refusal(text, tmp_path)


def test_an_error_never_shows_a_secret(tmp_path: Path) -> None:
    sentence = refusal(
        '[encryption]\nkeys = [{id = "a", key = "c2VjcmV0"}]\n[public]\nlink_keys = [{id = "a", key = "hush"}]',
        tmp_path,
    )
    assert "c2VjcmV0" not in sentence
    assert "hush" not in sentence
    assert "hush" not in repr(Settings.model_validate({"public": {"link_keys": [{"id": "a", "key": "hush" * 8}]}}))


def test_an_unknown_variable_with_our_prefix_is_refused(tmp_path: Path) -> None:
    assert "did you mean SYNCD_LOG__LEVEL?" in refusal("", tmp_path, {"SYNCD_LOG_LEVEL": "debug"})
    assert "unset it" in refusal("", tmp_path, {"SYNCD_ZZZ": "1"})


def test_a_wrong_variable_is_named_as_the_place(tmp_path: Path) -> None:
    sentence = refusal('[log]\nlevel = "info"', tmp_path, {"SYNCD_LOG__LEVEL": "loud"})
    assert sentence.startswith("environment variable SYNCD_LOG__LEVEL: log.level:")


def test_the_variable_that_names_the_file_is_no_setting(tmp_path: Path) -> None:
    assert settings_from("", tmp_path, {"SYNCD_CONFIG": "/etc/daemon.toml"}) == Settings()


def test_a_wrong_or_unknown_credential_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "log.level").write_text("loud")
    assert f"credential {directory}/log.level: log.level:" in refusal(
        "", tmp_path, {"CREDENTIALS_DIRECTORY": str(directory)}
    )
    (directory / "log.level").rename(directory / "log.levle")
    assert "did you mean log.level?" in refusal("", tmp_path, {"CREDENTIALS_DIRECTORY": str(directory)})
    (directory / "log.levle").unlink()
    (directory / "log.level").write_bytes(b"\xff")
    assert "not UTF-8" in refusal("", tmp_path, {"CREDENTIALS_DIRECTORY": str(directory)})
    gone = {"CREDENTIALS_DIRECTORY": str(tmp_path / "gone")}
    assert "cannot be read" in refusal("", tmp_path, gone)


def test_a_missing_or_unreadable_file_is_an_error_and_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings file .*missing\.toml: give its path with --config"):
        load(tmp_path / "missing.toml", environ={})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, environ={})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(tmp_path / "latin.toml", environ={})


@given(st.dictionaries(st.sampled_from([key for key, _ in keys()]), st.text(max_size=20)))
def test_no_text_in_the_environment_makes_loading_fail_otherwise_than_by_a_refusal(
    texts: dict[tuple[str, str], str],
) -> None:
    environ = {f"SYNCD_{section}__{name}".upper(): text for (section, name), text in texts.items()}
    with contextlib.suppress(SettingsError):
        assert isinstance(load(None, environ=environ), Settings)


# ---- what a daemon needs ---------------------------------------------------------------------------------------------

COMPLETE = f"""
[freshbooks]
client_id = "id"
client_secret = "secret"
[encryption]
keys = [{{id = "a", key = "{KEY_1}"}}]
[public]
listen = "systemd"
base_url = "https://books.example.com/"
link_keys = [{{id = "p", key = "{"k" * 32}"}}]
"""


def test_complete_settings_are_accepted(tmp_path: Path) -> None:
    settings = settings_from(COMPLETE, tmp_path)
    require_complete(settings)
    assert settings.redirect_uri() == "https://books.example.com/oauth/freshbooks/callback"
    assert settings.origin() == "https://books.example.com"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('client_id = "id"', "freshbooks.client_id"),
        ('client_secret = "secret"', "freshbooks.client_secret"),
        (f'keys = [{{id = "a", key = "{KEY_1}"}}]', "encryption.keys"),
        (f'link_keys = [{{id = "p", key = "{"k" * 32}"}}]', "public.link_keys"),
        ('base_url = "https://books.example.com/"', "public.base_url"),
    ],
)
def test_what_a_daemon_cannot_do_without_is_named(line: str, key: str, tmp_path: Path) -> None:
    settings = settings_from(COMPLETE.replace(line, ""), tmp_path)
    variable = "SYNCD_" + key.upper().replace(".", "__")
    with pytest.raises(
        SettingsError, match=rf"{re.escape(key)} is not set: .*{variable} or as the credential {re.escape(key)}"
    ):
        require_complete(settings)


def test_the_state_directory_is_the_configured_one_else_the_user_s(tmp_path: Path) -> None:
    assert settings_from('[postgres]\nstate_dir = "/srv/state"', tmp_path).state_dir() == Path("/srv/state")
    assert Settings().state_dir().name in {"freshbooks-syncd", "state"}


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


# ---- reload ----------------------------------------------------------------------------------------------------------


def test_equal_settings_differ_in_nothing(tmp_path: Path) -> None:
    assert not diff(settings_from(COMPLETE, tmp_path), settings_from(COMPLETE, tmp_path))


def test_a_reload_may_change_intervals_rates_log_level_and_link_keys(tmp_path: Path) -> None:
    text = (
        COMPLETE.replace("k" * 32, "n" * 32)
        + '[sync]\npayments_interval = "1m"\n[rate]\nburst = 5\n[log]\nlevel = "debug"'
    )
    found = diff(settings_from(COMPLETE, tmp_path), settings_from(text, tmp_path))
    assert found.changed == ("public.link_keys", "sync.payments_interval", "rate.burst", "log.level")
    assert found.needs_restart == ()


def test_a_reload_names_what_needs_a_restart(tmp_path: Path) -> None:
    text = COMPLETE.replace('"systemd"', '"127.0.0.1:1"') + '[postgres]\ndsn = "postgresql:///x"\nstate_dir = "/x"'
    found = diff(settings_from(COMPLETE, tmp_path), settings_from(text, tmp_path))
    assert found.needs_restart == ("postgres.dsn", "postgres.state_dir", "public.listen")


def test_a_reload_may_add_and_reorder_encryption_keys_but_not_take_one_away(tmp_path: Path) -> None:
    one = settings_from(f'[encryption]\nkeys = [{{id = "a", key = "{KEY_1}"}}]', tmp_path)
    two = settings_from(
        f'[encryption]\nkeys = [{{id = "b", key = "{KEY_2}"}}, {{id = "a", key = "{KEY_1}"}}]', tmp_path
    )
    other = settings_from(f'[encryption]\nkeys = [{{id = "a", key = "{KEY_2}"}}]', tmp_path)
    assert diff(one, two).changed == ("encryption.keys",)
    assert diff(one, two).needs_restart == ()
    assert diff(two, one).needs_restart == ("encryption.keys",)
    assert diff(one, other).needs_restart == ("encryption.keys",)
