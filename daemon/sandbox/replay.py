"""Brings a sandbox back to where an earlier run left it, by playing its facts over the generated books."""

from collections.abc import Iterable
from datetime import datetime

from daemon.sandbox.operations import OPERATIONS
from daemon.sandbox.sandbox import Sandbox
from daemon.sandbox.store import Clocked, Ended, Fact, Issued, Joined, Opened, Switched, Written


def opened_sandbox(sandbox: Sandbox) -> Sandbox:
    """Play back what `sandbox` has kept, or note its opening when there is nothing yet.

    Raises ValueError when the kept books were generated from other options.
    """
    facts = list(sandbox.store.read())
    if facts:
        _play_back(sandbox, facts)
    else:
        options = sandbox.options
        sandbox.store.append(Opened(at=sandbox.opened_at, seed=options.seed, invoices=options.invoices))
        sandbox.keep_clock()
    sandbox.record()
    return sandbox


def _play_back(sandbox: Sandbox, facts: Iterable[Fact]) -> None:
    last_at: datetime | None = None
    clocked: Clocked | None = None
    for fact in facts:
        if isinstance(fact, Opened):
            _check(sandbox, fact)
            sandbox.opened_at = fact.at
        elif isinstance(fact, Clocked):
            clocked, last_at = fact, None
        else:
            _apply(sandbox, fact)
            last_at = getattr(fact, "at", last_at)
    if clocked is not None:
        sandbox.clock.resume(at=clocked.at, real_at=clocked.real_at, rate=clocked.rate, not_before=last_at)


def _check(sandbox: Sandbox, fact: Opened) -> None:
    options = sandbox.options
    if (fact.seed, fact.invoices) != (options.seed, options.invoices):
        sizes = ",".join(str(size) for size in fact.invoices)
        message = (
            f"The books in {options.data_dir} were generated with --seed {fact.seed} --invoices {sizes}. "
            "Start with these, or choose another --data-dir."
        )
        raise ValueError(message)


def _apply(sandbox: Sandbox, fact: Written | Issued | Ended | Joined | Switched) -> None:
    if isinstance(fact, Written):
        books = sandbox.directory.accounts[fact.account].books
        OPERATIONS[fact.operation](books, fact.key, fact.body, fact.at)
        books.take_events()
    elif isinstance(fact, Issued):
        sandbox.oauth.adopt_chain(
            grant_id=fact.grant,
            identity_id=fact.identity,
            scopes=frozenset(fact.scopes),
            access=fact.access,
            refresh=fact.refresh,
            expires_at=fact.expires_at,
            counter=fact.counter,
        )
    elif isinstance(fact, Ended):
        sandbox.oauth.revoke_grant(sandbox.oauth.grants[fact.grant])
    elif isinstance(fact, Joined):
        sandbox.add_partner(
            name=fact.name, email=fact.email, size=fact.invoices, seed=fact.seed, currency=fact.currency
        )
    else:
        sandbox.switches.set(fact.name, fact.value)
