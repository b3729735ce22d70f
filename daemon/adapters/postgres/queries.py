"""Loads the SQL statements that stand by name in queries/*.sql."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

DIRECTORY: Final = Path(__file__).parent / "queries"
_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_BACK: Final = re.compile(r"^\s*\S.*?\s+-- back: (.*)$", re.MULTILINE)


def load(stem: str, directory: Path = DIRECTORY) -> Mapping[str, str]:
    """Read one file: every statement follows a line `-- name: <name>`. Raises ValueError for a name given twice."""
    _, *parts = _NAME.split((directory / f"{stem}.sql").read_text(encoding="utf-8"))
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{stem}.sql gives a name twice")
    return MappingProxyType({name: text.strip() for name, text in zip(names, statements, strict=True)})


def backwards(statement: str) -> str:
    """Turn a list round: of a line that ends in `-- back: <text>`, the text stands in its place."""
    return _BACK.sub(r"\1", statement)
