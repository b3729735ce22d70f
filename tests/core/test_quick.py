"""Values that are made quickly are as frozen, as strict and as equal as any other dataclass."""

import gc
from dataclasses import dataclass, fields, replace

import pytest

from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.model import Resource
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
    with pytest.raises(AttributeError):
        copy.x = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        quickly.replace(point, z=3)  # type: ignore[call-arg]


def test_the_collector_never_looks_at_a_quick_value() -> None:
    assert not gc.is_tracked(Point(x=1))
    assert not gc.is_tracked(quickly.replace(Point(x=1), x=2))


def test_a_quick_value_keeps_its_methods_and_what_it_is_called() -> None:
    assert Cursor(feed=Feed.CENSUS, queue=(Pass(resource=Resource.INVOICES),)).is_running
    assert (Cursor.__module__, Cursor.__qualname__) == ("daemon.core.backfill", "Cursor")
    assert Cursor.__doc__
    assert [field.name for field in fields(Point)] == ["x", "y"]


def test_a_quick_value_cannot_be_changed() -> None:
    point = Point(x=1)
    with pytest.raises(AttributeError):
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
