"""Settings as they are written in a file."""

import base64
from collections.abc import Mapping
from pathlib import Path

from daemon.settings import Settings, load

KEY_1 = base64.b64encode(b"1" * 32).decode()
KEY_2 = base64.b64encode(b"2" * 32).decode()


def settings_from(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    path = tmp_path / "daemon.toml"
    path.write_text(text)
    return load(path, environ=environ or {})


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
