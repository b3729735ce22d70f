"""How supervisors start: many of them apart, and none behind what is known to be open."""

from daemon.core import events
from daemon.core.effects import PushNext
from daemon.core.model import PartnerId
from daemon.core.state import Connected, Lanes, Pending
from daemon.core.transition import restore
from tests.core.supervisors import NOW, POLICY, connected_connection, minutes, pending_connection, step_syncing


def test_partners_that_start_together_do_not_pull_together() -> None:
    starts = set()
    for number in range(20):
        connection = pending_connection(partner_id=PartnerId(f"partner-{number}"))
        state = restore(connection, NOW, POLICY, spread=minutes(3))
        assert isinstance(state, Pending)
        not_before = state.lanes.pull.not_before
        assert not_before is not None
        assert NOW <= not_before < NOW + minutes(3)
        starts.add(not_before)
    assert len(starts) == 20


def test_a_push_that_is_known_to_be_open_waits_for_no_start_of_many() -> None:
    for is_open in (True, False):
        state = restore(connected_connection(push_open=is_open), NOW, POLICY, spread=minutes(3))
        assert isinstance(state, Connected)
        later = state.lanes.pull.not_before
        assert later is not None
        assert later > NOW
        assert state.schedule.verify_at == later
        assert state.schedule.push_at == (NOW if is_open else later)


def test_a_payment_is_heard_at_once_while_many_start() -> None:
    state = restore(connected_connection(push_open=False), NOW, POLICY, spread=minutes(3))
    assert isinstance(state, Connected)
    after, effects = step_syncing(state, events.PushArrived())
    assert after.lanes.push.busy
    assert [type(effect) for effect in effects] == [PushNext]


def test_a_single_partner_starts_at_once() -> None:
    state = restore(pending_connection(), NOW, POLICY)
    assert isinstance(state, Pending)
    assert state.lanes == Lanes()
