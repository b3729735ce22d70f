"""What writing other income does (FB API s3.6)."""

from datetime import datetime

from msgspec.structs import replace

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.errors import ApiError, invalid, not_found, required
from daemon.sandbox.model import DELETED, OtherIncome
from daemon.sandbox.payments import canonical_type

_THING = "other_income"
_CATEGORIES = ("advertising", "in_person_sales", "online_sales", "rentals", "other")
_REQUIRED = ("amount", "date", "source")


def find_income(books: Books, key: int) -> OtherIncome:
    """The income with this id, deleted or not; raises 404 errno 1012."""
    income = books.incomes.find(key)
    if income is None:
        raise not_found(_THING, "incomeid", key)
    return income


def _category(value: object) -> str:
    if value not in _CATEGORIES:
        raise invalid(_THING, "category_name", value)
    return str(value)


def _taxes(body: Body) -> tuple[dict[str, str], ...]:
    rows = body.get("taxes") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid(_THING, "taxes", None)
    return tuple({"amount": str(row.get("amount") or "0"), "name": str(row.get("name") or "")} for row in rows)


def create_income(books: Books, body: Body, now: datetime) -> OtherIncome:
    """Store other income; amount, date and source are required (errno 1001)."""
    for field in _REQUIRED:
        if body.get(field) is None:
            raise required(_THING, field)
    amount, code = bodies.positive_amount(body, "amount", _THING)
    kind = body.get("payment_type")
    return books.put_income(
        OtherIncome(
            id=books.sequences.take("income"),
            amount=amount,
            currency=code or books.base_currency,
            category_name=_category(body.get("category_name") or "other"),
            date=bodies.day(body, "date", _THING),
            source=bodies.text(body, "source", _THING),
            note=bodies.text(body, "note", _THING),
            payment_type=canonical_type(kind, _THING) if kind else None,
            taxes=_taxes(body),
            created_at=now,
            updated=now,
        )
    )


def update_income(books: Books, key: int, body: Body, now: datetime) -> OtherIncome:
    """Change or delete other income; a PUT without the required set answers 500, as recorded."""
    income = find_income(books, key)
    if "vis_state" in body:
        if books.switches["other_income_delete"] == "verb":
            raise _unusable()
        return books.put_income(replace(income, vis_state=bodies.vis_state(body, _THING), updated=now))
    if any(body.get(field) is None for field in _REQUIRED):
        raise _unusable()
    amount, code = bodies.positive_amount(body, "amount", _THING)
    kind = body.get("payment_type", income.payment_type)
    changed = replace(
        income,
        amount=amount,
        currency=code or income.currency,
        category_name=_category(body.get("category_name") or income.category_name),
        date=bodies.day(body, "date", _THING),
        source=bodies.text(body, "source", _THING),
        note=bodies.text(body, "note", _THING) if "note" in body else income.note,
        payment_type=canonical_type(kind, _THING) if kind else None,
        taxes=_taxes(body) if "taxes" in body else income.taxes,
        updated=now,
    )
    return books.put_income(changed)


def delete_income(books: Books, key: int, now: datetime) -> None:
    """The HTTP verb, which one report says is the only way that still works (FB API s3.6)."""
    income = find_income(books, key)
    if books.switches["other_income_delete"] == "put":
        raise ApiError(405, "Method not allowed.", errno=405)
    books.put_income(replace(income, vis_state=DELETED, updated=now))


def _unusable() -> ApiError:
    return ApiError(500, "There was an error accessing your account data.", errno=500)
