"""The first read of an invoice is decided in one go, and comes to what all the rules come to."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from daemon.core import invoice_rules
from daemon.core.first_read import first_read
from daemon.core.generations import Seen
from daemon.core.model import FbInvoice, InvoiceContext, Reading, VisState
from tests.builders import make_fb_invoice

AT = datetime(2026, 8, 4, 12, tzinfo=UTC)
READING = Reading(began_at=AT, finished_at=AT)
AMOUNTS = st.sampled_from([Decimal(text) for text in ("-5.00", "0.00", "0", "40.00", "100.00")])
READS = st.builds(
    lambda amount, outstanding, status, disputed, vis_state: replace(
        make_fb_invoice(), amount=amount, outstanding=outstanding, status=status, disputed=disputed, vis_state=vis_state
    ),
    AMOUNTS,
    AMOUNTS,
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(VisState),
)


@given(READS)
def test_the_first_read_of_an_invoice_comes_to_what_all_the_rules_come_to(read: FbInvoice) -> None:
    unknown = InvoiceContext(invoice=None)
    candidate = invoice_rules._following(read, READING, None)
    assert first_read(read, READING) == invoice_rules._decide(candidate, read, Seen(rows=(), before=()), unknown)
