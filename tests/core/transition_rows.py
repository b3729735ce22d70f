"""The supervisor's table: what each event does to a state, and which effects it starts."""

from dataclasses import replace
from datetime import timedelta

from daemon.core import events
from daemon.core.backfill import Feed
from daemon.core.backoff import backoff_delay
from daemon.core.effects import (
    Effect,
    EnsureCallbacks,
    ListAccounts,
    Park,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
    VerifyBooks,
)
from daemon.core.state import Lane, LaneState, NotConnected, State, Syncing
from tests.core.supervisors import (
    NOW,
    POLICY,
    SCOPE,
    calm,
    connected_connection,
    gone_connection,
    idle,
    in_flight,
    minutes,
    running,
    settled,
    with_cursors,
)

NOBODY = NotConnected(partner_id=SCOPE.partner_id)
PUSH = PushNext(scope=SCOPE, timezone="America/New_York")
REREAD = RereadObjects(scope=SCOPE)
ACCOUNTS = ListAccounts(scope=SCOPE)
CALLBACKS = EnsureCallbacks(scope=SCOPE)
REFRESH = RefreshToken(partner_id=SCOPE.partner_id)
REVOKE = RevokeToken(partner_id=SCOPE.partner_id, give_up=False)
RUN = running(Feed.PAYMENTS)
NEXT_PAGE = PullPages(scope=SCOPE, cursor=RUN)
SWEEP = NOW + POLICY.push.sweep_interval
ENDING = connected_connection(disconnecting=True)


def held(state: Syncing, lane: Lane, failures: int = 1) -> Syncing:
    """The lane is free again, and waits after so many failures."""
    delay = backoff_delay(failures, f"{SCOPE.partner_id}:{lane}", POLICY.backoff)
    value = LaneState(failures=failures, not_before=NOW + delay)
    return replace(state, lanes=replace(state.lanes, **{lane.value: value}))


Row = tuple[str, State, events.Event, State, list[Effect]]

ROWS: list[Row] = [
    ("not connected, nothing to do on waking", NOBODY, events.Woke(), NOBODY, []),
    ("not connected, nothing to push", NOBODY, events.PushArrived(), NOBODY, []),
    ("not connected, nothing to read", NOBODY, events.RereadAsked(), NOBODY, []),
    ("not connected, nothing to compare", NOBODY, events.VerifyAsked(), NOBODY, []),
    (
        "someone asks for a comparison",
        settled(),
        events.VerifyAsked(),
        in_flight(settled(verify_at=NOW), Lane.VERIFY),
        [VerifyBooks(scope=SCOPE, timezone="America/New_York", cursors=settled().cursors)],
    ),
    (
        "a comparison is asked for beside one under way",
        in_flight(settled(verify_at=NOW), Lane.VERIFY),
        events.VerifyAsked(),
        in_flight(settled(verify_at=NOW), Lane.VERIFY, asked=True),
        [],
    ),
    ("not connected, nothing to verify", NOBODY, events.VerifierArrived(), NOBODY, []),
    ("not connected, no interval to change", NOBODY, events.PolicyChanged(), NOBODY, []),
    ("not connected, nothing to drain", NOBODY, events.DrainAsked(), NOBODY, []),
    ("still not connected", NOBODY, events.ConnectionChanged(connection=gone_connection()), NOBODY, []),
    ("woken too early, nothing happens", settled(), events.Woke(), settled(), []),
    ("woken for a push", settled(push_at=NOW), events.Woke(), in_flight(settled(push_at=NOW), Lane.PUSH), [PUSH]),
    (
        "a payment is pushed at once",
        settled(),
        events.PushArrived(),
        in_flight(settled(push_at=NOW), Lane.PUSH),
        [PUSH],
    ),
    (
        "a payment that arrives while another is pushed is not forgotten",
        in_flight(settled(), Lane.PUSH),
        events.PushArrived(),
        in_flight(settled(push_at=NOW), Lane.PUSH, asked=True),
        [],
    ),
    (
        "a doorbell is answered at once",
        settled(),
        events.RereadAsked(),
        in_flight(settled(reread_at=NOW), Lane.PULL),
        [REREAD],
    ),
    (
        "a doorbell rings while pages are read",
        in_flight(settled(), Lane.PULL),
        events.RereadAsked(),
        in_flight(settled(reread_at=NOW), Lane.PULL, asked=True),
        [],
    ),
    (
        "a token is refreshed before it expires",
        settled(refresh_at=NOW),
        events.Woke(),
        in_flight(settled(refresh_at=NOW), Lane.AUTH),
        [REFRESH],
    ),
    (
        "all three lanes start what is due",
        settled(refresh_at=NOW, accounts_at=NOW, push_at=NOW),
        events.Woke(),
        in_flight(settled(refresh_at=NOW, accounts_at=NOW, push_at=NOW), Lane.AUTH, Lane.PULL, Lane.PUSH),
        [REFRESH, ACCOUNTS, PUSH],
    ),
    (
        "pages are followed by the next pages",
        in_flight(settled(), Lane.PULL),
        events.PagesStored(scope=SCOPE, cursor=RUN),
        in_flight(with_cursors(settled(), RUN), Lane.PULL),
        [NEXT_PAGE],
    ),
    (
        "invoices that a page made doubtful are read before the next pages",
        in_flight(settled(), Lane.PULL),
        events.PagesStored(scope=SCOPE, cursor=RUN, rereads=True),
        in_flight(with_cursors(settled(reread_at=NOW), RUN), Lane.PULL),
        [REREAD],
    ),
    (
        "objects read again may let a payment go",
        in_flight(settled(reread_at=NOW), Lane.PULL),
        events.ObjectsReread(next_at=NOW + minutes(5), served=True),
        in_flight(settled(reread_at=NOW + minutes(5), push_at=NOW), Lane.PUSH),
        [PUSH],
    ),
    (
        "a look that found nothing to read again lets no payment go",
        in_flight(settled(reread_at=NOW), Lane.PULL),
        events.ObjectsReread(next_at=NOW + minutes(5), served=False),
        settled(reread_at=NOW + minutes(5)),
        [],
    ),
    (
        "objects read again while a doorbell rang are read once more",
        in_flight(in_flight(settled(reread_at=NOW), Lane.PULL, asked=True), Lane.PUSH),
        events.ObjectsReread(next_at=None, served=True),
        in_flight(in_flight(settled(reread_at=NOW, push_at=NOW), Lane.PULL), Lane.PUSH, asked=True),
        [REREAD],
    ),
    (
        "the chart of accounts is read again a day later",
        in_flight(settled(accounts_at=NOW), Lane.PULL),
        events.AccountsListed(),
        settled(accounts_at=NOW + timedelta(days=1)),
        [],
    ),
    (
        "a verifier is handed back at once",
        settled(),
        events.VerifierArrived(),
        in_flight(settled(callbacks_at=NOW), Lane.PULL),
        [CALLBACKS],
    ),
    (
        "callbacks that ring are looked after an hour later",
        in_flight(settled(callbacks_at=NOW), Lane.PULL),
        events.CallbacksEnsured(done=True),
        settled(callbacks_at=NOW + minutes(60)),
        [],
    ),
    (
        "callbacks that do not ring yet are looked after soon",
        in_flight(settled(callbacks_at=NOW), Lane.PULL),
        events.CallbacksEnsured(done=False),
        settled(callbacks_at=NOW + timedelta(seconds=30)),
        [],
    ),
    (
        "the push lane sweeps when nothing is due",
        in_flight(settled(push_at=NOW), Lane.PUSH),
        events.Pushed(next_at=None),
        settled(push_at=SWEEP),
        [],
    ),
    (
        "the push lane comes back when the next push is due",
        in_flight(settled(push_at=NOW), Lane.PUSH),
        events.Pushed(next_at=NOW + timedelta(seconds=10)),
        settled(push_at=NOW + timedelta(seconds=10)),
        [],
    ),
    (
        "the push lane sweeps before a push that is due late",
        in_flight(settled(push_at=NOW), Lane.PUSH),
        events.Pushed(next_at=NOW + timedelta(days=1)),
        settled(push_at=SWEEP),
        [],
    ),
    (
        "after a push its invoice is read again",
        in_flight(settled(push_at=NOW), Lane.PUSH),
        events.Pushed(next_at=None, rereads=True),
        in_flight(settled(push_at=SWEEP, reread_at=NOW), Lane.PULL),
        [REREAD],
    ),
    (
        "a payment that arrived during a push is pushed next",
        in_flight(settled(push_at=NOW), Lane.PUSH, asked=True),
        events.Pushed(next_at=None),
        in_flight(settled(push_at=NOW), Lane.PUSH),
        [PUSH],
    ),
    (
        "a failed lane waits, and the others do not",
        in_flight(settled(reread_at=NOW, push_at=NOW), Lane.PULL),
        events.CallFailed(lane=Lane.PULL),
        in_flight(held(settled(reread_at=NOW, push_at=NOW), Lane.PULL), Lane.PUSH),
        [PUSH],
    ),
    (
        "a rejected token is refreshed before anything else is tried",
        in_flight(settled(push_at=NOW), Lane.PULL),
        events.TokenRejected(lane=Lane.PULL),
        in_flight(held(settled(push_at=NOW, refresh_at=NOW, token_until=None), Lane.PULL), Lane.AUTH),
        [REFRESH],
    ),
    (
        "a token that was replaced meanwhile is not refreshed for its rejection",
        in_flight(settled(), Lane.PULL, stale=True),
        events.TokenRejected(lane=Lane.PULL),
        held(settled(), Lane.PULL),
        [],
    ),
    (
        "a lost token parks the partner",
        in_flight(settled(push_at=NOW, reread_at=NOW), Lane.AUTH),
        events.TokenLost(reason="revoked"),
        replace(settled(push_at=NOW, reread_at=NOW), parked="revoked"),
        [Park(scope=SCOPE, reason="revoked", at=NOW)],
    ),
    (
        "a lost token of replaced tokens parks nobody",
        in_flight(settled(), Lane.AUTH, stale=True),
        events.TokenLost(reason="spent by the consent"),
        settled(),
        [],
    ),
    ("revoked tokens end the connection", in_flight(calm(ENDING), Lane.AUTH), events.TokenRevoked(), NOBODY, []),
    (
        "revoking waits for what is in flight",
        in_flight(idle(ENDING), Lane.PULL),
        events.Woke(),
        in_flight(idle(ENDING), Lane.PULL),
        [],
    ),
    (
        "the tokens are revoked once nothing uses them",
        in_flight(idle(ENDING), Lane.PULL),
        events.ObjectsReread(next_at=None, served=True),
        in_flight(idle(ENDING, reread_at=None), Lane.AUTH),
        [REVOKE],
    ),
    (
        "a drain starts nothing",
        idle(connected_connection()),
        events.DrainAsked(),
        idle(connected_connection(paused=True)),
        [],
    ),
    (
        "a drain does not even disconnect",
        idle(ENDING),
        events.DrainAsked(),
        idle(connected_connection(paused=True)),
        [],
    ),
]
