"""The partner's way through FreshBooks' login and back: begin, complete, choose a business, disconnect (C1, C2, C6)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from daemon.actors.consent_ports import Authority, ConsentStore, Sealer
from daemon.actors.ports import Clock
from daemon.core.consent import (
    Business,
    ChooseBusiness,
    ConsentConnected,
    ConsentGrant,
    ConsentOutcome,
    ConsentRefused,
    ConsentRequest,
    Offer,
    PendingChoice,
    Refusal,
    SealedTokens,
    TokenPair,
)
from daemon.core.consent_rules import (
    CHOICE_LIFETIME,
    check_choice,
    check_grant,
    check_request,
    offer,
    refuse,
    refuse_error,
)
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.model import PartnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFlow:
    """Leads one browser session through a consent; every refusal is a value with a sentence for the partner.

    `secret` makes a fresh unguessable URL-safe text of at least 43 characters: the state, and the PKCE verifier.
    All coroutines raise StoreUnavailable.
    """

    store: ConsentStore
    authority: Authority
    sealer: Sealer
    clock: Clock
    secret: Callable[[], str]

    async def begin(self, partner_id: PartnerId, session_hash: bytes) -> str | ConsentRefused:
        """Store a single-use state bound to this session and tell the address of FreshBooks' login."""
        former = await self.store.former_connection(partner_id)
        if former is not None and former.disconnecting:
            return refuse(Refusal.DISCONNECTING)
        state, verifier = self.secret(), self.secret()
        request = ConsentRequest(
            partner_id=partner_id, session_hash=session_hash, verifier=verifier, created_at=self.clock.now()
        )
        await self.store.begin_consent(_hash(state), request)
        return self.authority.authorize_url(state, verifier)

    async def complete(self, session_hash: bytes, *, state: str, code: str | None, error: str | None) -> ConsentOutcome:
        """Take what FreshBooks sent back and connect, ask for a choice, or say why not.

        The state is used up first, whatever comes of it, so that nothing can be tried twice with it.
        """
        now = self.clock.now()
        request = await self.store.use_consent(_hash(state), now)
        refused = check_request(request, session_hash, now)
        if request is None or refused is not None:
            return refused or refuse(Refusal.STATE_UNKNOWN)
        if error is not None or not code:
            return refuse_error(error or "no code")
        return await self._grant(request, code)

    async def offered(self, partner_id: PartnerId, session_hash: bytes) -> Offer | None:
        """Tell the businesses that wait for this session's choice."""
        choice = await self.store.pending_choice(partner_id)
        if choice is None or choice.session_hash != session_hash or self.clock.now() >= choice.expires_at:
            return None
        return choice.offer

    async def choose(
        self, partner_id: PartnerId, session_hash: bytes, account_id: str
    ) -> ConsentConnected | ConsentRefused:
        """Connect one of the offered businesses."""
        choice = await self.store.pending_choice(partner_id)
        picked = check_choice(choice, session_hash, account_id, self.clock.now())
        if choice is None or isinstance(picked, ConsentRefused):
            return picked if isinstance(picked, ConsentRefused) else refuse(Refusal.CHOICE_EXPIRED)
        former = await self.store.former_connection(partner_id)
        if former is not None and former.account_id != picked.account_id:
            return refuse(Refusal.OTHER_ACCOUNT, former.business_name)
        return await self._connect(partner_id, picked, choice.tokens, resumed=former is not None)

    async def disconnect(self, partner_id: PartnerId, who: str) -> bool:
        """Ask the supervisor to revoke the tokens and end the connection; the data stay. False when there is none."""
        return await self.store.ask_disconnect(partner_id, who, self.clock.now())

    async def _grant(self, request: ConsentRequest, code: str) -> ConsentOutcome:
        try:
            pair = await self.authority.exchange(code, request.verifier)
        except FreshBooksRefused as error:
            return refuse(Refusal.CODE_REFUSED, str(error))
        except (FreshBooksUnavailable, FreshBooksAnswerInvalid):
            return refuse(Refusal.FRESHBOOKS_UNAVAILABLE)
        outcome = await self._take(request, pair)
        if isinstance(outcome, ConsentRefused):
            await self._drop(pair)
        return outcome

    async def _take(self, request: ConsentRequest, pair: TokenPair) -> ConsentOutcome:
        """Decide what a fresh pair of tokens connects."""
        try:
            identity = await self.authority.identity(pair.access_token)
        except (FreshBooksRefused, AuthorizationExpired) as error:
            return refuse(Refusal.CODE_REFUSED, str(error))
        except (FreshBooksUnavailable, FreshBooksAnswerInvalid):
            return refuse(Refusal.FRESHBOOKS_UNAVAILABLE)
        former = await self.store.former_connection(request.partner_id)
        if former is not None and former.disconnecting:
            return refuse(Refusal.DISCONNECTING)
        decided = check_grant(offer(identity, pair.scopes), pair.scopes, former)
        sealed = self.sealer.seal(request.partner_id, pair)
        match decided:
            case ConsentRefused():
                return decided
            case Business():
                return await self._connect(request.partner_id, decided, sealed, resumed=former is not None)
            case ChooseBusiness():
                await self._wait_for_choice(request, sealed, decided.offer)
                return decided

    async def _connect(
        self, partner_id: PartnerId, business: Business, sealed: SealedTokens, *, resumed: bool
    ) -> ConsentConnected | ConsentRefused:
        grant = ConsentGrant(partner_id=partner_id, business=business, tokens=sealed, consented_at=self.clock.now())
        if not await self.store.connect(grant):
            return refuse(Refusal.ACCOUNT_TAKEN, business.name)
        return ConsentConnected(business=business, resumed=resumed)

    async def _wait_for_choice(self, request: ConsentRequest, sealed: SealedTokens, offered: Offer) -> None:
        await self.store.save_choice(
            PendingChoice(
                partner_id=request.partner_id,
                session_hash=request.session_hash,
                tokens=sealed,
                offer=offered,
                expires_at=self.clock.now() + CHOICE_LIFETIME,
            )
        )

    async def _drop(self, pair: TokenPair) -> None:
        """Revoke tokens that nobody will use; they are stored nowhere, so a failure here leaves nothing behind."""
        try:
            await self.authority.revoke(pair.access_token)
        except (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid):
            return


def _hash(state: str) -> bytes:
    """Hash a state for storage, so that a reader of the table cannot complete a consent."""
    return hashlib.sha256(state.encode()).digest()
