"""An invoice's PDF as FreshBooks sends it: only a PDF, and none that is too large, comes in (O4)."""

from typing import Final

from daemon.adapters.freshbooks.calls import Answer
from daemon.core.errors import FreshBooksAnswerInvalid

PDF_BYTES_MAX: Final = 10 * 1024 * 1024
_BEGINS: Final = b"%PDF-"


def checked_pdf(answer: Answer) -> bytes:
    """Hand out a PDF's bytes. Raises FreshBooksAnswerInvalid for anything else, and for one over PDF_BYTES_MAX."""
    content_type = next((value for name, value in answer.headers.items() if name.lower() == "content-type"), "")
    if content_type.partition(";")[0].strip().lower() != "application/pdf" or not answer.body.startswith(_BEGINS):
        raise FreshBooksAnswerInvalid("FreshBooks answered something else than a PDF")
    if len(answer.body) > PDF_BYTES_MAX:
        raise FreshBooksAnswerInvalid(f"FreshBooks answered a PDF of {len(answer.body):,} bytes, more than is taken")
    return answer.body
