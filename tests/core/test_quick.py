"""Values that are made quickly are as frozen, as strict and as equal as any other dataclass."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from daemon.core.model import quick as quickly
from daemon.core.model.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: int
    y: int = 7


def test_a_quick_value_holds_what_it_was_given_and_its_defaults() -> None:
    assert (Point(x=1).x, Point(x=1).y, Point(x=1, y=2).y) == (1, 7, 2)
    assert repr(Point(x=1)) == "Point(x=1, y=7)"
    assert Point(x=1) == Point(x=1, y=7) != Point(x=2)
    assert hash(Point(x=1)) == hash(Point(x=1, y=7))
    assert replace(Point(x=1), y=3) == Point(x=1, y=3)


def test_a_changed_copy_of_a_quick_value_is_what_dataclasses_would_make() -> None:
    point = Point(x=1)
    copy = quickly.replace(point, y=3)
    assert copy == replace(point, y=3)
    assert (type(copy), point) == (Point, Point(x=1))
    with pytest.raises(FrozenInstanceError):
        copy.x = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        quickly.replace(point, z=3)  # type: ignore[call-arg]


def test_a_changed_copy_of_any_other_dataclass_is_made_by_dataclasses() -> None:
    @dataclass(frozen=True)
    class Plain:
        x: int

    assert quickly.replace(Plain(1), x=2) == Plain(2)


def test_a_quick_value_cannot_be_changed() -> None:
    point = Point(x=1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        point.z = 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("values", [{}, {"y": 1}, {"x": 1, "z": 2}])
def test_a_quick_value_refuses_missing_and_unknown_fields(values: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(**values)


def test_a_quick_value_takes_no_fields_by_position() -> None:
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]
