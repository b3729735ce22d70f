"""Businesses, their accounting accounts, and the people who can log in (FB API s2.8)."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.sandbox.books import Books
from daemon.sandbox.listing import Selections
from daemon.sandbox.stable_ids import stable_uuid

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"  # pragma: allowlist secret -- an alphabet


@dataclass(slots=True, kw_only=True)
class Account:
    """A business; `account_id` is None for one without an accounting account. Its books are made when first needed."""

    account_id: str | None
    business_id: int
    business_uuid: str
    system_id: int
    name: str
    currency: str = "USD"
    timezone: str = "America/New_York"
    size: int = 0
    seed: int = 0
    open_books: Callable[["Account"], Books] | None = None
    selections: Selections = field(default_factory=Selections)
    _books: Books | None = None

    @property
    def books(self) -> Books:
        """The account's books, generated on the first call."""
        if self._books is None:
            if self.open_books is None:
                raise LookupError(f"{self.name} has no accounting account.")
            self._books = self.open_books(self)
        return self._books

    @property
    def has_open_books(self) -> bool:
        """Whether the books were generated already."""
        return self._books is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One person's part in one business; a `client` member may read their own documents and write nothing."""

    id: int
    account: Account
    role: str
    client_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Login:
    """A person: one identity, with a password for the consent pages."""

    identity_id: int
    identity_uuid: str
    email: str
    password: str
    first_name: str
    last_name: str
    memberships: list[Membership] = field(default_factory=list)

    def membership(self, account_id: str) -> Membership | None:
        """This person's membership of the account with this id."""
        return next((m for m in self.memberships if m.account.account_id == account_id), None)


class Directory:
    """All accounts and people, with ids that follow from the sandbox's seed alone."""

    def __init__(self, seed: int) -> None:
        """Start with nobody."""
        self._random = random.Random(f"directory/{seed}")  # noqa: S311 - reproducible ids, no secret
        self._seed = seed
        self.accounts: dict[str, Account] = {}
        self.by_business_uuid: dict[str, Account] = {}
        self.by_business_id: dict[int, Account] = {}
        self.logins: dict[str, Login] = {}
        self.identities: dict[int, Login] = {}
        self._owners: dict[int, int] = {}
        self._businesses = 439_000
        self._memberships = 140_130

    def _uuid(self, label: str) -> str:
        return stable_uuid(f"{self._seed}/{label}")

    def _account_id(self) -> str:
        while True:
            candidate = "".join(self._random.choices(_LETTERS, k=6))
            if candidate not in self.accounts:
                return candidate

    def add_account(
        self, *, name: str, seed: int, size: int, currency: str = "USD", accounting: bool = True
    ) -> Account:
        """A new business, with an accounting account unless told otherwise."""
        self._businesses += 1
        account = Account(
            account_id=self._account_id() if accounting else None,
            business_id=self._businesses,
            business_uuid=self._uuid(f"business/{self._businesses}"),
            system_id=self._businesses + 215_000,
            name=name,
            currency=currency,
            size=size,
            seed=seed,
        )
        if account.account_id is not None:
            self.accounts[account.account_id] = account
        self.by_business_uuid[account.business_uuid] = account
        self.by_business_id[account.business_id] = account
        return account

    def add_login(self, *, email: str, password: str, first_name: str, last_name: str) -> Login:
        """A new person; raises ValueError when the address is taken."""
        if email.lower() in self.logins:
            raise ValueError(f"There is a login {email} already.")
        identity_id = 512_340 + len(self.logins) + 1
        login = Login(
            identity_id=identity_id,
            identity_uuid=self._uuid(f"identity/{identity_id}"),
            email=email,
            password=password,
            first_name=first_name,
            last_name=last_name,
        )
        self.logins[email.lower()] = login
        self.identities[identity_id] = login
        return login

    def owner_id(self, account: Account) -> int:
        """The identity that owns `account`, or 0."""
        return self._owners.get(account.business_id, 0)

    def join(self, login: Login, account: Account, role: str, client_id: int | None = None) -> Membership:
        """Make `login` a member of `account`; the membership's id is not the business' (FB API s2.8)."""
        self._memberships += 5
        membership = Membership(id=self._memberships, account=account, role=role, client_id=client_id)
        login.memberships.append(membership)
        if role == "owner":
            self._owners.setdefault(account.business_id, login.identity_id)
        return membership
