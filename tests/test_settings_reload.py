"""What a reload of the settings may change, and what needs a restart."""

from pathlib import Path

from daemon.settings import diff
from tests.written_settings import COMPLETE, KEY_1, KEY_2, settings_from


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
