"""What an invoice's history says of a decision: what was taken from FreshBooks, what was ignored, and why (P5)."""

from collections.abc import Iterator

from daemon.core.model import HistoryEntry, Invoice, Terms, VisState
from daemon.core.terms import changed_terms

_VISIBILITY = {
    VisState.ACTIVE: HistoryEntry(what="restored in FreshBooks", detail="It is active in FreshBooks again."),
    VisState.DELETED: HistoryEntry(
        what="deleted in FreshBooks", detail="It is kept here, and not payable while deleted."
    ),
    VisState.ARCHIVED: HistoryEntry(
        what="archived in FreshBooks", detail="It is not archived here; archive it here by hand."
    ),
}


def entries(stored: Invoice, decided: Invoice, read: Terms | None) -> Iterator[HistoryEntry]:
    """Compare the stored invoice with the decided one; `read` are FreshBooks' terms when they were just read."""
    if stored.is_frozen and not decided.is_frozen:
        yield HistoryEntry(what="follows FreshBooks again", detail="A payment that was counted no longer pays it.")
    if read is not None and decided.fb_terms_hash != stored.fb_terms_hash:
        yield _edit(stored, decided, read)
    elif decided.is_frozen and stored.is_frozen and decided.fb_outstanding != stored.fb_outstanding:
        detail = f"Outstanding in FreshBooks {stored.fb_outstanding} -> {decided.fb_outstanding}; our due stays."
        yield HistoryEntry(what="balance changed in FreshBooks", detail=detail, ignored=True)
    if decided.vis_state is not stored.vis_state:
        yield _VISIBILITY[decided.vis_state]
    if decided.frozen_at is not None and decided.frozen_at != stored.frozen_at:
        yield HistoryEntry(what="paid", detail="Later edits in FreshBooks no longer change it here.")


def _edit(stored: Invoice, decided: Invoice, read: Terms) -> HistoryEntry:
    if decided.terms_hash == decided.fb_terms_hash:
        changed = ", ".join(changed_terms(stored.terms, read))
        if stored.terms_hash == decided.terms_hash:
            return HistoryEntry(what="edit undone in FreshBooks", detail="FreshBooks shows it again as it was paid.")
        return HistoryEntry(what="edited in FreshBooks", detail=changed)
    detail = ", ".join(changed_terms(stored.terms, read))
    return HistoryEntry(what="edited in FreshBooks after it was paid", detail=detail, ignored=True)
