"""What is refused of the settings, and in which words; what a daemon cannot do without."""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.errors import SettingsError
from daemon.settings import Settings, load, require_complete
from daemon.settings.load import keys
from tests.written_settings import COMPLETE, KEY_1, KEY_2, settings_from


def refusal(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from(text, tmp_path, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
        ('[leases]\nnats = "localhost:4222"', ("leases.nats", "no address of a NATS", "USER:PASSWORD@")),
        ('[leases]\nnats = "tls://hush@h:4222,nats://h:x"', ("leases.nats", "no address of a NATS")),
        ('[leases]\nnats = "nats://hu/sh@h:4222"', ("leases.nats", "no address of a NATS")),
        ('[leases]\ncredentials = "SAHUSH"', ("leases.credentials", "no credentials of a NATS user", ".creds")),
        ('[leases]\nbucket = "a.b"', ("leases.bucket", "match pattern")),
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
