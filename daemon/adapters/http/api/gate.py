"""How often the API may be asked for one partner: a token bucket each, so that one caller does not slow all others."""

from collections import OrderedDict

from daemon.core.model import PartnerId
from daemon.core.policy import RatePolicy
from daemon.core.rate_limit import Budget, new_budget, take, wait_for

PARTNERS_MAX = 10_000
"""Of more partners than this the longest silent one is forgotten; its bucket was full again long ago."""


class Gate:
    """Counts requests by partner."""

    def __init__(self, policy: RatePolicy) -> None:
        self._policy = policy
        self._budgets: OrderedDict[PartnerId, Budget] = OrderedDict()

    def knock(self, partner_id: PartnerId, now: float) -> float:
        """Count a request and tell 0; or, when there were too many, how many seconds to wait, and count none."""
        budget = self._budgets.pop(partner_id, None) or new_budget(self._policy, now)
        wait_s = wait_for(budget, now, create=False)
        self._budgets[partner_id] = budget if wait_s > 0 else take(budget, now, create=False)[0]
        if len(self._budgets) > PARTNERS_MAX:
            self._budgets.popitem(last=False)
        return wait_s
