"""Verification: whether we hold what FreshBooks holds, and each record of ours stands there exactly once (T1)."""

from daemon.core.verify.entries import EntryKnowledge, judge_entries, windows
from daemon.core.verify.findings import (
    EXAMPLES_MAX,
    FINDINGS_MAX,
    Drift,
    DriftKind,
    Judgement,
    Mend,
    Outcome,
    Report,
    Rule,
    Ruled,
    VerifyAsk,
    VerifyMode,
    VerifyRow,
    add,
    outcome_of,
    with_read,
)
from daemon.core.verify.invoices import HeldInvoice, judge_invoice
from daemon.core.verify.nightly import next_verification, seed_of, unread_since
from daemon.core.verify.queues import judge_queues
from daemon.core.verify.records import absent_here, absent_there, judge_record

__all__ = [
    "EXAMPLES_MAX",
    "FINDINGS_MAX",
    "Drift",
    "DriftKind",
    "EntryKnowledge",
    "HeldInvoice",
    "Judgement",
    "Mend",
    "Outcome",
    "Report",
    "Rule",
    "Ruled",
    "VerifyAsk",
    "VerifyMode",
    "VerifyRow",
    "absent_here",
    "absent_there",
    "add",
    "judge_entries",
    "judge_invoice",
    "judge_queues",
    "judge_record",
    "next_verification",
    "outcome_of",
    "seed_of",
    "unread_since",
    "windows",
    "with_read",
]
