"""Makes values that are made often cheap to make, to change and to keep; they are as frozen as they were declared."""

from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

T = TypeVar("T")
_OWN: Final = frozenset({"__doc__", "__qualname__", "__dataclass_fields__"})
"""What a value keeps of its declaration beside its methods: `fields` and `dataclasses.replace` go on knowing it."""

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 -- exported
else:
    from msgspec.structs import replace as replace  # noqa: PLC0414 -- exported: the same for a quick value, in C


def quick(cls: type[T]) -> type[T]:
    """Make a frozen, slotted, keyword-only dataclass one whose values are built and compared in C.

    The collector never looks at them: what is whole before it is frozen can be part of no cycle. Ten thousand partners'
    states, each replaced at every step, would otherwise be what it stops everybody for.
    """
    given = fields(cls)  # type: ignore[arg-type]  # any dataclass
    names = {field.name for field in given}
    own = {
        name: value for name, value in vars(cls).items() if name in _OWN or not (name in names or name.startswith("__"))
    }
    return msgspec.defstruct(  # type: ignore[return-value]  # declared as the dataclass
        cls.__name__,
        [_part(field) for field in given],
        namespace=own,
        module=cls.__module__,
        frozen=True,
        kw_only=True,
        gc=False,
    )


def _part(field: Field[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.default_factory is not MISSING:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return (field.name, field.type) if field.default is MISSING else (field.name, field.type, field.default)
