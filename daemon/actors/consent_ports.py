"""What the consent flow needs of the world, as Protocols; adapters fulfil them, and mypy checks that they do."""

from datetime import datetime
from typing import Protocol

from daemon.core.consent import (
    AccountChoice,
    ConsentGrant,
    ConsentRequest,
    FormerConnection,
    Identity,
    PendingChoice,
    SealedTokens,
    TokenPair,
)
from daemon.core.model import LedgerAccount, PartnerId


class Authority(Protocol):
    """FreshBooks as the place where a person consents (FB API s2). Every coroutine makes one call and never retries.

    Raises of all: FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid.
    """

    def authorize_url(self, state: str, verifier: str) -> str:
        """Build the address where the person allows access, with the PKCE S256 challenge of `verifier`."""
        ...

    async def exchange(self, code: str, verifier: str) -> TokenPair:
        """Exchange a code for tokens; a bad, spent or late code is FreshBooksRefused."""
        ...

    async def identity(self, access_token: str) -> Identity:
        """Tell who consented, and their businesses."""
        ...

    async def revoke(self, access_token: str) -> None:
        """End an access token that is not kept."""
        ...


class Sealer(Protocol):
    """Encrypts tokens for storage."""

    def seal(self, partner_id: PartnerId, pair: TokenPair) -> SealedTokens:
        """Encrypt a pair for this partner."""
        ...

    def open(self, partner_id: PartnerId, sealed: SealedTokens) -> TokenPair:
        """Decrypt what `seal` made for the same partner."""
        ...


class ConsentStore(Protocol):
    """What the consent flow stores. Each method is one transaction. Raises of all: StoreUnavailable."""

    async def begin_consent(self, state_hash: bytes, request: ConsentRequest) -> None:
        """Store a begun consent under the hash of its state; also drops states that expired long ago."""
        ...

    async def use_consent(self, state_hash: bytes, now: datetime) -> ConsentRequest | None:
        """Mark a state as used and hand it out, once: None when it is unknown or was used before."""
        ...

    async def former_connection(self, partner_id: PartnerId) -> FormerConnection | None:
        """Tell the books this partner's rows belong to, or None when never connected or reset (C6)."""
        ...

    async def save_choice(self, choice: PendingChoice) -> None:
        """Store a granted consent that waits for a choice; replaces an earlier one."""
        ...

    async def pending_choice(self, partner_id: PartnerId) -> PendingChoice | None:
        """Load the granted consent that waits for a choice."""
        ...

    async def connect(self, grant: ConsentGrant) -> bool:
        """Store the connection and its tokens together, and wake its supervisor.

        False when another partner has this account connected: nothing is stored. Otherwise the epoch and the token
        generation go up, and a parked mark, `disconnecting` and any pending choice are cleared. A connection that
        had ended begins as Pending; its cursors stay, so that it resumes (C6, C7).
        """
        ...

    async def ask_disconnect(self, partner_id: PartnerId, who: str, now: datetime) -> bool:
        """Ask the supervisor to end the connection, audited; False when there is none."""
        ...

    async def account_choice(self, partner_id: PartnerId) -> AccountChoice | None:
        """Tell what is chosen in Set Up Accounts, or None while it is not complete."""
        ...

    async def save_account_choice(self, partner_id: PartnerId, choice: AccountChoice, who: str, now: datetime) -> None:
        """Store the choice, audited, and make due what waits for it (C5)."""
        ...

    async def account_created(self, partner_id: PartnerId, account: LedgerAccount, who: str) -> None:
        """Audit that an account was made in the partner's books (T2)."""
        ...


class Books(Protocol):
    """The live charts of accounts of the connected partners (C4).

    Raises of all: FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired,
    AuthorizationLost.
    """

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        """List the partner's chart of accounts."""
        ...

    async def create_ledger_account(
        self, partner_id: PartnerId, name: str, sub_type: str, parent_id: str
    ) -> LedgerAccount:
        """Create an account in the partner's books."""
        ...
