"""The fault plan: rules that pick requests (or webhook events) and say what goes wrong with them."""

import random
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class Kind(StrEnum):
    """What can go wrong. `before` means before the handler ran, so that nothing was committed."""

    LATENCY = "latency"
    TIMEOUT_BEFORE_COMMIT = "timeout_before_commit"
    TIMEOUT_AFTER_COMMIT = "timeout_after_commit"
    DROP_CONNECTION = "drop_connection"
    TORN_BODY = "torn_body"
    MALFORMED_JSON = "malformed_json"
    STATUS = "status"
    OK_WITH_ERRORS = "200_with_errors"
    ERROR_FORMAT = "error_format"
    UNAUTHORIZED = "unauthorized"
    REVOKE_TOKENS = "revoke_tokens"
    WEBHOOK_DELAY = "webhook_delay"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_SHUFFLE = "webhook_shuffle"
    WEBHOOK_DROP = "webhook_drop"
    WEBHOOK_FORGE = "webhook_forge"


class Distribution(StrEnum):
    """How a latency is drawn from `seconds` and `spread`."""

    FIXED = "fixed"
    UNIFORM = "uniform"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule applies to, left out meaning anything; `path`, `query` and `event` are regular expressions."""

    method: str | None = None
    path: str | None = None
    query: str | None = None
    account: str | None = None
    event: str | None = None


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule does; each kind reads the parameters it names in the control API's documentation."""

    kind: Kind
    seconds: float = 0.0
    spread: float = 0.0
    distribution: Distribution = Distribution.FIXED
    hold_s: float = 0.0
    status: int = 503
    retry_after: int | None = None
    body: str = "text"
    after_commit: bool = False
    errno: int = 500
    message: str = "There was an error accessing your account data."
    format: str = "new"
    copies: int = 1


class RuleSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as written down: it skips `after` matches, then fires with `probability`, at most `count` times."""

    action: Action
    match: Match = Match()
    id: str = ""
    probability: float = 1.0
    after: int = 0
    count: int | None = None


class _Rule:
    def __init__(self, spec: RuleSpec) -> None:
        self.spec = spec
        self.seen = 0
        self.fired = 0
        match = spec.match
        self._patterns = {
            name: re.compile(pattern)
            for name, pattern in (("path", match.path), ("query", match.query), ("event", match.event))
            if pattern is not None
        }

    def matches(self, facts: dict[str, str]) -> bool:
        match = self.spec.match
        for name, wanted in (("method", match.method), ("account", match.account)):
            if wanted is not None and facts.get(name) != wanted:
                return False
        return all(pattern.search(facts.get(name, "")) for name, pattern in self._patterns.items())

    def fires(self, chances: random.Random) -> bool:
        self.seen += 1
        if self.seen <= self.spec.after or (self.spec.count is not None and self.fired >= self.spec.count):
            return False
        if self.spec.probability < 1 and chances.random() >= self.spec.probability:
            return False
        self.fired += 1
        return True


class FaultPlan:
    """The rules in force, drawn with a seed of their own so that a run can be repeated."""

    def __init__(self, seed: int) -> None:
        """Start without rules."""
        self._rules: list[_Rule] = []
        self._random = random.Random(f"faults/{seed}")  # noqa: S311 - reproducible faults, no secret
        self._named = 0

    def load(self, path: Path) -> None:
        """Replace the rules by those of a JSON file; raises ValueError naming what is wrong."""
        self.replace(parse_rules(path.read_bytes()))

    def replace(self, specs: Iterable[RuleSpec]) -> None:
        """Put these rules in force instead of the present ones; raises ValueError for a bad pattern."""
        self._rules = self._named_rules(specs)

    def add(self, specs: Iterable[RuleSpec]) -> None:
        """Put further rules in force; raises ValueError for a bad pattern."""
        self._rules += self._named_rules(specs)

    def _named_rules(self, specs: Iterable[RuleSpec]) -> list[_Rule]:
        try:
            fresh = [_Rule(spec) for spec in specs]
        except re.error as error:
            raise ValueError(f"A pattern of the rule does not compile: {error}.") from None
        for rule in fresh:
            if not rule.spec.id:
                self._named += 1
                rule.spec = msgspec.structs.replace(rule.spec, id=f"fault-{self._named}")
        return fresh

    def remove(self, rule_id: str | None = None) -> None:
        """Take one rule out of force, or all of them."""
        self._rules = [rule for rule in self._rules if rule_id is not None and rule.spec.id != rule_id]

    def as_json(self) -> list[dict[str, Any]]:
        """The rules with how often each was looked at and fired."""
        return [{**msgspec.to_builtins(r.spec), "seen": r.seen, "fired": r.fired} for r in self._rules]

    def for_request(self, *, method: str, path: str, query: str, account: str | None) -> list[Action]:
        """What goes wrong with a request: every latency that fires, and the first other fault."""
        facts = {"method": method, "path": path, "query": query, "account": account or ""}
        return self._pick(facts, webhooks=False)

    def for_event(self, *, event: str, account: str) -> list[Action]:
        """What goes wrong with a webhook delivery; all that fire apply."""
        return self._pick({"event": event, "account": account}, webhooks=True)

    def _pick(self, facts: dict[str, str], *, webhooks: bool) -> list[Action]:
        picked: list[Action] = []
        for rule in self._rules:
            kind = rule.spec.action.kind
            if kind.startswith("webhook_") != webhooks or not rule.matches(facts):
                continue
            several = webhooks or kind is Kind.LATENCY
            if not several and any(action.kind is not Kind.LATENCY for action in picked):
                continue
            if rule.fires(self._random):
                picked.append(rule.spec.action)
        return picked

    def draw_s(self, action: Action) -> float:
        """A latency in seconds from the action's distribution, never below zero."""
        if action.distribution is Distribution.UNIFORM:
            return max(0.0, self._random.uniform(action.seconds - action.spread, action.seconds + action.spread))
        if action.distribution is Distribution.EXPONENTIAL:
            return self._random.expovariate(1 / action.seconds) if action.seconds else 0.0
        if action.distribution is Distribution.LOGNORMAL:
            return action.seconds * self._random.lognormvariate(0, action.spread or 0.5)
        return action.seconds


def parse_rules(data: bytes) -> list[RuleSpec]:
    """Rules from a JSON list, or from one object; raises ValueError naming what is wrong."""
    try:
        if data.lstrip().startswith(b"["):
            return msgspec.json.decode(data, type=list[RuleSpec])
        return [msgspec.json.decode(data, type=RuleSpec)]
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ValueError(f"The fault rules cannot be used: {error}.") from None
