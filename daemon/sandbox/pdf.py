"""A small PDF writer: one page of text lines, enough to be a real invoice document."""

from daemon.sandbox.books import Books
from daemon.sandbox.model import Invoice
from daemon.sandbox.money import plain
from daemon.sandbox.totals import line_amount

_TOP, _STEP, _LINES_MAX = 790, 16, 46


def _escaped(text: str) -> bytes:
    safe = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return safe.encode("cp1252", errors="replace")


def text_pdf(title: str, lines: list[str]) -> bytes:
    """A one-page A4 document with `lines` from the top, what does not fit being left out."""
    rows = [b"BT /F1 11 Tf %d TL 50 %d Td" % (_STEP, _TOP)]
    rows += [b"(%b) Tj T*" % _escaped(line) for line in lines[:_LINES_MAX]]
    content = b"\n".join([*rows, b"ET"])
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
            b"/Encoding /WinAnsiEncoding >> >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Title (%b) >>" % _escaped(title),
    )
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def invoice_pdf(books: Books, invoice: Invoice) -> bytes:
    """The invoice as a document: who owes what by when, line by line."""
    copy, code = invoice.client_texts, invoice.currency
    lines = [
        f"INVOICE {invoice.number}",
        "",
        f"Billed to: {copy['organization']}",
        f"Date of issue: {invoice.create_date.isoformat()}    Due: {invoice.due_date.isoformat()}",
        "",
    ]
    lines += [
        f"{plain(line.qty)} x {line.name} at {line.unit_cost}  =  {line_amount(line)} {code}" for line in invoice.lines
    ]
    lines += [
        "",
        f"Discount: {invoice.discount_total} {code}",
        f"Total: {invoice.amount} {code}",
        f"Paid: {invoice.paid} {code}",
        f"Amount due: {invoice.outstanding} {code}",
        "",
        f"Account {books.account_id}",
    ]
    return text_pdf(f"Invoice {invoice.number}", lines)
