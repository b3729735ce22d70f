"""The audit log's chain: what was changed, left out, put in or cut off is noticed (T2)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from daemon.core.audit import AuditCheck, AuditHead, AuditLine, audit_hash, check_anchor, check_end, check_line
from daemon.core.model import PartnerId

AT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)


def log(count: int) -> list[AuditLine]:
    """A log as the database writes it."""
    lines: list[AuditLine] = []
    previous = b""
    for number in range(1, count + 1):
        bare = AuditLine(
            partner_id=PartnerId("acme"),
            number=number,
            at=AT,
            who="Ann",
            what="chose accept",
            subject=f"payment/{number}",
            before=None,
            after='{"a": 1}',
            why="",
            previous=previous,
            hash=b"",
        )
        lines.append(replace(bare, hash=audit_hash(bare)))
        previous = lines[-1].hash
    return lines


def checked(lines: list[AuditLine], head: AuditHead | None) -> str | None:
    check = AuditCheck()
    for line in lines:
        check = check_line(check, line)
    return check_end(check, head).broken


def head_of(lines: list[AuditLine]) -> AuditHead:
    return AuditHead(number=lines[-1].number, hash=lines[-1].hash)


def test_a_log_as_it_was_written_is_whole() -> None:
    assert checked(log(3), head_of(log(3))) is None
    assert checked([], None) is None


@pytest.mark.parametrize("name", ["who", "what", "subject", "before", "after", "why"])
def test_a_changed_field_is_noticed(name: str) -> None:
    lines = log(3)
    lines[1] = replace(lines[1], **{name: "other"})  # type: ignore[arg-type]
    assert checked(lines, head_of(log(3))) == "line 2 was changed after it was written"


def test_a_changed_time_is_noticed() -> None:
    lines = log(3)
    lines[1] = replace(lines[1], at=AT.replace(microsecond=6))
    assert checked(lines, head_of(log(3))) == "line 2 was changed after it was written"


def test_text_moved_from_one_field_to_the_next_is_noticed() -> None:
    line = log(1)[0]
    assert audit_hash(replace(line, who="An", what="nchose accept")) != line.hash
    assert audit_hash(replace(line, before="", after=None)) != audit_hash(replace(line, before=None, after=""))


def test_a_line_rewritten_with_its_hash_is_noticed_by_the_next() -> None:
    lines = log(3)
    forged = replace(lines[1], who="other")
    lines[1] = replace(forged, hash=audit_hash(forged))
    assert checked(lines, head_of(log(3))) == "line 3 does not follow from the line before"


def test_missing_lines_are_named() -> None:
    lines = log(5)
    end = head_of(lines)
    assert checked(lines[1:], end) == "line 1 is missing"
    assert checked(lines[:1] + lines[3:], end) == "lines 2 to 3 are missing"
    assert checked(lines[:4], end) == "line 5 is missing: the log once ended at 5"
    assert checked([], end) == "line 1 is missing: the log once ended at 5"


def test_a_line_that_was_put_in_is_noticed() -> None:
    lines = log(2)
    assert checked([*lines, *log(3)[2:]], head_of(lines)) == "line 3 is not the one that the log ended with"


def test_a_lost_head_is_noticed() -> None:
    assert checked(log(2), None) == "the log's head is missing"
    assert check_end(AuditCheck(), None, expects_lines=True).broken == "the log's head is missing"


def test_a_log_rewritten_as_a_whole_is_noticed_by_a_head_that_was_written_down() -> None:
    old, forged = log(3), log(3)
    previous = b""
    for index, line in enumerate(forged):
        bare = replace(line, who="other", previous=previous)
        forged[index] = replace(bare, hash=audit_hash(bare))
        previous = forged[index].hash
    assert checked(forged, head_of(forged)) is None
    check = AuditCheck()
    for line in forged:
        check = check_anchor(check_line(check, line), line, head_of(old))
    assert check.broken == "line 3 is not the one whose hash was written down"


def test_a_log_cut_off_with_its_head_is_noticed_by_a_head_that_was_written_down() -> None:
    lines = log(3)
    check = AuditCheck(reached=head_of(lines[:2]))
    assert check_end(check, head_of(lines[:2]), head_of(lines)).broken == "line 3 is missing: line 3 once was there"


def test_the_first_broken_line_is_the_one_that_is_told() -> None:
    check = check_line(AuditCheck(), log(3)[2])
    assert check.broken == "lines 1 to 2 are missing"
    assert check_line(check, log(1)[0]) == check
    assert check_anchor(check, log(1)[0], AuditHead(number=1, hash=b"x")) == check
    assert check_end(check, None) == check
