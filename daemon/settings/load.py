"""Reads the settings from the file, the environment and the credentials, and says in one sentence what is wrong."""

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import PydanticBaseSettingsSource, TomlConfigSettingsSource
from typing_extensions import override

from daemon.core.errors import SettingsError
from daemon.settings.model import Settings
from daemon.settings.values import HOW_TO_MAKE_A_KEY, HOW_TO_MAKE_A_LINK_KEY

PREFIX: Final = "SYNCD_"
DELIMITER: Final = "__"
CONFIG_VARIABLE: Final = "SYNCD_CONFIG"
"""Names the settings file; the command line reads it."""
HANDED_OVER: Final = "credentials.json"
"""In the runtime directory: the credentials that a reload handed over; systemd reads its own only at a start."""
Key = tuple[str, str]
"""A section and a key in it."""


def keys() -> Iterator[tuple[Key, FieldInfo]]:
    """Every key there is, in the order of the file."""
    for section, outer in Settings.model_fields.items():
        model = outer.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, field in model.model_fields.items():
                yield (section, name), field


_KNOWN: Final = tuple(key for key, _ in keys())
_SECTIONS: Final = tuple(Settings.model_fields)


def load(path: Path | None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings; the environment goes before credentials, credentials before the file.

    Raises SettingsError: one sentence that names the place, the key, what is wrong and what to do.
    """
    variables = Variables.read(os.environ if environ is None else environ)
    credentials = Credentials.read(os.environ if environ is None else environ)
    toml = _read_file(path)
    sources = (_Texts(Settings, variables.texts), _Texts(Settings, credentials.texts), toml)
    try:
        return Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        raise SettingsError(_sentence(error, variables, credentials, path)) from None


def require_complete(settings: Settings) -> None:
    """Check that a daemon can run with these settings. Raises SettingsError naming the first key that must be given."""
    needed = {
        "freshbooks.client_id": (settings.freshbooks.client_id, _ON_THE_APPLICATION_PAGE),
        "freshbooks.client_secret": (settings.freshbooks.client_secret, _ON_THE_APPLICATION_PAGE),
        "encryption.keys": (settings.encryption.keys, HOW_TO_MAKE_A_KEY),
        "public.link_keys": (settings.public.link_keys, HOW_TO_MAKE_A_LINK_KEY),
        "public.base_url": (settings.base_url(), "give the https address that partners use"),
    }
    for key, (value, step) in needed.items():
        if not value:
            variable = PREFIX + key.upper().replace(".", DELIMITER)
            places = f"in the settings file, as {variable} or as the credential {key}"
            raise SettingsError(f"{key} is not set: {step}; set it {places}")


_ON_THE_APPLICATION_PAGE: Final = "it stands on the page of your application at FreshBooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """The settings among the environment variables: SYNCD_SECTION__KEY."""

    texts: Mapping[Key, str]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Take every variable with our prefix; an unknown one is an error, not a silence."""
        texts: dict[Key, str] = {}
        names = {cls.name(key): key for key in _KNOWN}
        for name, text in environ.items():
            if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
                continue
            if name not in names:
                step = _did_you_mean(name, tuple(names), "unset it")
                raise SettingsError(f"the environment variable {name} is no setting: {step}")
            texts[names[name]] = text
        return cls(texts=texts)

    @staticmethod
    def name(key: Key) -> str:
        """The variable of a key."""
        return PREFIX + DELIMITER.join(key).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The settings among systemd's credentials: files named SECTION.KEY in $CREDENTIALS_DIRECTORY."""

    directory: Path | None
    texts: Mapping[Key, str]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read every credential, those of the latest reload before systemd's; an unknown name is an error."""
        given, runtime = environ.get("CREDENTIALS_DIRECTORY"), environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        if runtime and (handed_over := Path(runtime, HANDED_OVER)).exists():
            return cls._named(Path(given or runtime), _read_handed_over(handed_over))
        return cls._named(Path(given), read_credentials(Path(given))) if given else cls(directory=None, texts={})

    @classmethod
    def _named(cls, directory: Path, found: Mapping[str, str]) -> Self:
        names, texts = {cls.name(key): key for key in _KNOWN}, dict[Key, str]()
        for name, text in found.items():
            if name not in names:
                step = _did_you_mean(name, tuple(names), "remove it")
                raise SettingsError(f"the credential {name} in {directory} is no setting: {step}")
            texts[names[name]] = text
        return cls(directory=directory, texts=texts)

    @staticmethod
    def name(key: Key) -> str:
        """The credential of a key."""
        return ".".join(key)


def read_credentials(directory: Path) -> dict[str, str]:
    """Read every file of a directory, without blanks around it. Raises SettingsError for one that cannot be read."""
    try:
        return {file.name: file.read_text(encoding="utf-8").strip() for file in sorted(directory.iterdir())}
    except (OSError, UnicodeDecodeError) as error:
        step = "check LoadCredential= in the unit"
        raise SettingsError(f"the credentials in {directory} cannot be read ({_why(error)}): {step}") from error


def _read_handed_over(file: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = _why(error) if isinstance(error, OSError) else "not as a reload writes them"
        raise SettingsError(f"the credentials in {file} cannot be read ({why}): remove it, or restart") from error
    return found


class _Texts(PydanticBaseSettingsSource):
    """One source of `Settings` from texts by key."""

    def __init__(self, settings_cls: type[Settings], texts: Mapping[Key, str]) -> None:
        super().__init__(settings_cls)
        self._texts = texts

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """What this source knows of one section."""
        del field
        return {name: text for (section, name), text in self._texts.items() if section == field_name}, field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        sections = {name: self.get_field_value(field, name)[0] for name, field in Settings.model_fields.items()}
        return {name: values for name, values in sections.items() if values}


def _read_file(path: Path | None) -> PydanticBaseSettingsSource:
    if path is None:
        return _Texts(Settings, {})
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {path}: give its path with --config, or create it") from None
    except OSError as error:
        step = "check its path and permissions"
        raise SettingsError(f"the settings file {path} cannot be read ({_why(error)}): {step}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the settings file {path} is not UTF-8 text: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {_lower(str(error))}: correct that line") from error
    _refuse_unknown(tables, path)
    return TomlConfigSettingsSource(Settings, toml_file=path)


def _refuse_unknown(tables: Mapping[str, object], path: Path) -> None:
    for section, content in tables.items():
        if section not in _SECTIONS:
            home = next((f"it stands in [{owner}]" for owner, name in _KNOWN if name == section), "remove it")
            raise SettingsError(f"{path}: there is no section [{section}]: {_did_you_mean(section, _SECTIONS, home)}")
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: {section} is a section: write it as [{section}], with its keys below")
        names = tuple(name for owner, name in _KNOWN if owner == section)
        for name in content:
            if name not in names:
                step = _did_you_mean(name, names, f"the keys of [{section}] are {', '.join(names)}")
                raise SettingsError(f"{path}: there is no key {section}.{name}: {step}")


def _did_you_mean(word: str, known: tuple[str, ...], otherwise: str) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else otherwise


def _sentence(error: ValidationError, variables: Variables, credentials: Credentials, path: Path | None) -> str:
    """The first of the errors with its place, and how many more there are."""
    details = error.errors(include_url=False, include_input=False, include_context=True)
    first, more = details[0], len(details) - 1
    key = first["loc"][:2]
    place = "the settings"
    if len(key) > 1 and key in variables.texts:
        place = f"environment variable {Variables.name((str(key[0]), str(key[1])))}"
    elif len(key) > 1 and key in credentials.texts:
        place = f"credential {credentials.directory}/{Credentials.name((str(key[0]), str(key[1])))}"
    elif path is not None:
        place = str(path)
    rest = f" (and {more} more)" if more else ""
    return f"{place}: {_path(first)}: {_wrong(first)}{rest}"


def _path(details: ErrorDetails) -> str:
    text = ""
    for part in details["loc"]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _wrong(details: ErrorDetails) -> str:
    """Put pydantic's words as a sentence with its next step; our own messages already are."""
    match details["type"]:
        case "value_error":
            return str(details.get("ctx", {}).get("error", details["msg"]))
        case "missing":
            return "it is missing: add it"
        case "extra_forbidden":
            return "there is no such key: remove it"
        case _:
            return details["msg"].replace("Input should", "it must", 1)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not UTF-8 text"
