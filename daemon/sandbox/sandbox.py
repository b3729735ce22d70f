"""The sandbox as a whole: the parts that requests, pages and the control API work on."""

from typing import Any

from daemon.sandbox import oauth
from daemon.sandbox.accounts import Account, Directory, Login
from daemon.sandbox.books import Books
from daemon.sandbox.clock import Clock, real_now
from daemon.sandbox.faults import FaultPlan
from daemon.sandbox.invoice_bytes import RenderedInvoices
from daemon.sandbox.limits import RateWindows
from daemon.sandbox.oauth import SCOPES, AuthorizationServer
from daemon.sandbox.operations import OPERATIONS, Key, Result
from daemon.sandbox.options import SandboxOptions
from daemon.sandbox.rendering import View
from daemon.sandbox.request_log import RequestLog
from daemon.sandbox.seeding import Seeder
from daemon.sandbox.store import Clocked, Ended, Issued, Joined, Store, Switched, Written
from daemon.sandbox.switches import Switches
from daemon.sandbox.times import eastern_day
from daemon.sandbox.webhooks import Courier

PASSWORD = "sandbox"  # noqa: S105 - printed at the start and of use nowhere else
_PEOPLE = (("Robin", "Hale"), ("Sam", "Whitlock"), ("Alex", "Moreno"), ("Kim", "Sørensen"))
_FIRMS = ("Hale Managed IT", "Whitlock Networks", "Moreno Cloud Services", "Sørensen Systems")


class Sandbox:
    """Everything that lives while a sandbox runs."""

    def __init__(self, options: SandboxOptions, *, clock: Clock | None = None) -> None:
        """Build the accounts and logins of `options`; the books themselves are generated when first needed."""
        self.options = options
        self.clock = clock or Clock(start=options.clock_start, rate=options.clock_rate)
        self.opened_at = self.clock.now()
        self.switches = Switches()
        for name, value in options.switches:
            self.switches.set(name, value)
        self.directory = Directory(options.seed)
        self.oauth = AuthorizationServer(options, self.switches)
        self.windows = RateWindows(options.rate_limits)
        self.log = RequestLog(options.request_log_size)
        self.rendered = RenderedInvoices(options.cache_bytes)
        self.faults = FaultPlan(options.seed)
        if options.faults_file is not None:
            self.faults.load(options.faults_file)
        self.courier = Courier(faults=self.faults, switches=self.switches, seed=options.seed, enabled=options.webhooks)
        self.store = Store(options.data_dir)
        self._recording = False
        self._people()

    def _people(self) -> None:
        """One login per size: the owner of their own account, of a business without one, and a client of another."""
        aside = self.directory.add_account(name="Riverside Print Co.", seed=self.options.seed + 7_919, size=13)
        for index, size in enumerate(self.options.invoices):
            first, last = _PEOPLE[index % len(_PEOPLE)]
            suffix = "" if index < len(_PEOPLE) else f"-{index + 1}"
            name = _FIRMS[index % len(_FIRMS)] + (f" {index + 1}" if suffix else "")
            email = f"{first.lower()}{suffix}@sandbox.example"
            login = self.directory.add_login(email=email, password=PASSWORD, first_name=first, last_name=last)
            own = self.directory.add_account(name=name, seed=self.options.seed + index, size=size)
            own.open_books = self.open_books
            self.directory.join(login, own, "owner")
            bare = self.directory.add_account(name=f"{last} Holdings", seed=0, size=0, accounting=False)
            self.directory.join(login, bare, "owner")
            self.directory.join(login, aside, "client", client_id=30_001 + index % 3)
        aside.open_books = self.open_books

    def open_books(self, account: Account) -> Books:
        """Generate an account's books as of the sandbox's start."""
        books = Books(account_id=str(account.account_id), base_currency=account.currency, switches=self.switches)
        books.sequences.callback = (account.business_id - 438_920) * 1_000 + 1
        Seeder(books, seed=account.seed, size=account.size, now=self.opened_at).fill()
        return books

    def warm_up(self) -> None:
        """Generate and render the books of the accounts known by now, so that no request has to wait for it."""
        for account in list(self.directory.accounts.values()):
            if account.size:
                self.rendered.warm(account.books, eastern_day(self.clock.now()))

    def add_partner(self, *, name: str, email: str, size: int, seed: int, currency: str = "USD") -> Login:
        """A new login with an account of its own; raises ValueError when the address is taken."""
        first, _, last = name.partition(" ")
        login = self.directory.add_login(email=email, password=PASSWORD, first_name=first, last_name=last or first)
        account = self.directory.add_account(name=name, seed=seed, size=size, currency=currency)
        account.open_books = self.open_books
        self.directory.join(login, account, "owner")
        if self._recording:
            now = self.clock.now()
            self.store.append(Joined(name=name, email=email, invoices=size, seed=seed, currency=currency, at=now))
        return login

    def issue_tokens(self, login: Login) -> dict[str, Any]:
        """A ready pair with all scopes, as after a consent."""
        return self.oauth.issue(self.oauth.grant(login.identity_id, SCOPES), self.clock.now())

    def record(self) -> None:
        """Keep everything that happens from here on, if there is a folder to keep it in."""
        self._recording = True
        self.oauth.on_issue = self._keep_issued
        self.oauth.on_end = lambda grant_id: self.store.append(Ended(grant=grant_id))

    def _keep_issued(self, issued: oauth.Issued) -> None:
        grant = issued.grant
        self.store.append(
            Issued(
                grant=grant.id,
                identity=grant.identity_id,
                scopes=sorted(grant.scopes),
                access=issued.access,
                refresh=issued.refresh,
                expires_at=issued.expires_at,
                counter=issued.counter,
            )
        )

    def turn_switch(self, name: str, value: object) -> None:
        """Turn a switch; raises ValueError with what is allowed."""
        self.switches.set(name, value)
        self.store.append(Switched(name=name, value=value))

    def keep_clock(self) -> None:
        """Note where the clock was moved to."""
        self.store.append(Clocked(at=self.clock.now(), real_at=real_now(), rate=self.clock.rate))

    def write(self, account: Account, operation: str, key: Key, body: object, *, by: int = 0) -> Result:
        """Perform one write on an account's books and send off the events it causes; `by` is the identity behind it.

        Raises ApiError, and then nothing was changed.
        """
        now = self.clock.now()
        result = OPERATIONS[operation](account.books, key, body, now)
        if self._recording:
            self.store.append(Written(at=now, account=str(account.account_id), operation=operation, key=key, body=body))
        for event, object_id in account.books.take_events():
            self.courier.offer(account, event, object_id, identity_id=by or self.directory.owner_id(account))
        return result

    def view(self, account: Account, includes: frozenset[str] = frozenset()) -> View:
        """What renderings of an account's records look at, as of today."""
        today = eastern_day(self.clock.now())
        return View(books=account.books, today=today, includes=includes, rendered=self.rendered)
