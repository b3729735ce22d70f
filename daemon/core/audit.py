"""The audit log as a chain of hashes, checked line by line without trusting the database that wrote it (T2)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from daemon.core.model import PartnerId

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line as it is stored. `before` and `after` are JSON as Postgres prints it, since the hash is over text."""

    partner_id: PartnerId
    number: int
    at: datetime
    who: str
    what: str
    subject: str
    before: str | None
    after: str | None
    why: str
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The number and hash of a log's last line."""

    number: int = 0
    hash: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """How far a log was checked. `broken` names the first line that is not as it was written, and why."""

    reached: AuditHead = AuditHead()
    broken: str | None = None


def audit_hash(line: AuditLine) -> bytes:
    """Hash a line as the database did when it was appended (sync.audit_form): every field with its length in bytes."""
    fields = (
        line.previous.hex(),
        line.partner_id,
        str(line.number),
        line.at.astimezone(UTC).strftime(_TIME),
        line.who,
        line.what,
        line.subject,
        line.before,
        line.after,
        line.why,
    )
    return sha256(b"".join(_field(value) for value in fields)).digest()


def check_line(check: AuditCheck, line: AuditLine) -> AuditCheck:
    """Check the next line of a log; after the first broken one nothing more is said."""
    if check.broken is not None:
        return check
    expected = check.reached.number + 1
    if line.number != expected:
        missing = f"line {expected} is" if line.number == expected + 1 else f"lines {expected} to {line.number - 1} are"
        return replace(check, broken=f"{missing} missing")
    if line.previous != check.reached.hash:
        return replace(check, broken=f"line {line.number} does not follow from the line before")
    if line.hash != audit_hash(line):
        return replace(check, broken=f"line {line.number} was changed after it was written")
    return AuditCheck(reached=AuditHead(number=line.number, hash=line.hash))


def check_end(
    check: AuditCheck, head: AuditHead | None, anchor: AuditHead | None = None, *, expects_lines: bool = False
) -> AuditCheck:
    """Compare the last line read with the head that was stored beside it; a partner that connected must have a log."""
    if check.broken is not None:
        return check
    if anchor is not None and anchor.number > check.reached.number:
        return replace(check, broken=f"line {check.reached.number + 1} is missing: line {anchor.number} once was there")
    if head is None:
        lost = check.reached.number > 0 or expects_lines
        return replace(check, broken="the log's head is missing") if lost else check
    if head.number > check.reached.number:
        return replace(check, broken=f"line {check.reached.number + 1} is missing: the log once ended at {head.number}")
    if head != check.reached:
        return replace(check, broken=f"line {check.reached.number} is not the one that the log ended with")
    return check


def check_anchor(check: AuditCheck, line: AuditLine, anchor: AuditHead) -> AuditCheck:
    """Compare a line with a head that was written down elsewhere: only that finds a log rewritten as a whole."""
    if check.broken is None and line.number == anchor.number and line.hash != anchor.hash:
        return replace(check, broken=f"line {line.number} is not the one whose hash was written down")
    return check


def _field(value: str | None) -> bytes:
    if value is None:
        return b"-"
    data = value.encode()
    return b"%d:%b" % (len(data), data)
