"""The installed package is this repository's, whatever else is called `daemon`."""

from pathlib import Path

import daemon


def test_the_daemon_package_is_the_one_in_this_repository() -> None:
    # PyPI's python-daemon also installs a top-level `daemon`: with it in the environment the wrong code would run.
    assert daemon.__file__ is not None
    assert Path(daemon.__file__).resolve() == Path(__file__).resolve().parents[1] / "daemon" / "__init__.py"
