"""The words of the partner's switches (O1-O4): what each is called, does, and means once it is on."""

from dataclasses import dataclass

from daemon.core.options import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionWords:
    """A switch in words: its name, the row of the table of synced items that it belongs to, and what it does.

    `off` and `on` are what holds then; `before` is asked before it is switched on.
    """

    option: Option
    name: str
    item: str
    off: str
    on: str
    before: str


OPTIONS = (
    OptionWords(
        option=Option.MIRROR_INVOICES,
        name="Archive invoices with FreshBooks",
        item="Archiving invoices",
        off="An invoice archived or deleted in FreshBooks is only flagged here; you archive it by hand.",
        on="An invoice archived or deleted in FreshBooks is archived here too.",
        before="Archived invoices leave your customers' portal and can no longer be paid. One with a payment that is "
        "still processing is archived once the payment is settled.",
    ),
    OptionWords(
        option=Option.MIRROR_CUSTOMERS,
        name="Archive customers with FreshBooks",
        item="Archiving customers",
        off="A customer archived or deleted in FreshBooks is only flagged here.",
        on="A customer archived or deleted in FreshBooks is archived here too.",
        before="Archived customers no longer appear among your customers here. Their invoices stay as they are.",
    ),
    OptionWords(
        option=Option.DELETE_PAYMENTS,
        name="Delete payments on both sides",
        item="Deleting payments",
        off="A payment that fails after it was recorded stays in FreshBooks until you delete it there.",
        on="A payment that fails after it was recorded is deleted in FreshBooks, and one typed in there and deleted "
        "again reopens its invoice here.",
        before="Payments that we recorded are then deleted from your books when they fail or are charged back, if "
        "nobody changed them since. A payment made here that someone deletes in FreshBooks stays a sync issue, so that "
        "no customer is charged twice.",
    ),
    OptionWords(
        option=Option.PDF_INVOICES,
        name="Invoice PDFs",
        item="PDF invoices",
        off="Invoices are shown without FreshBooks' PDF.",
        on="Each invoice offers the PDF that FreshBooks makes of it.",
        before="A PDF is fetched from FreshBooks when somebody first opens it, and kept until the invoice changes.",
    ),
)


def words_of(name: str) -> OptionWords | None:
    """Find a switch by its key."""
    return next((words for words in OPTIONS if words.option == name), None)
