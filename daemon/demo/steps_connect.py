"""The check's first half: connect, the initial sync, Set Up Accounts (C1-C5)."""

from decimal import Decimal
from urllib.parse import urljoin, urlsplit

from daemon.demo.person import PageRefused
from daemon.demo.scene import NotShown, Scene, never, until

CONNECTED_WITHIN_S = 20.0
PUSHED_WITHIN_S = 2.0


async def connect(scene: Scene) -> str:
    """Sign in, press Connect, log in at FreshBooks, press Allow; the module shows Pending."""
    page = await scene.open("/")
    link = next((url for url in _links(page.text) if f"partner={scene.partner_id}" in url), None)
    if link is None:
        raise NotShown("the first page offers no link for this partner")
    await scene.open(link)
    login = await scene.open("/integrations/freshbooks/connect")
    account = next(a for a in scene.stage.sandbox["accounts"] if a["account_id"] == scene.account_id)
    who = next(entry for entry in scene.stage.sandbox["logins"] if scene.account_id in str(entry))
    consent = await scene.person.submit(login, "/oauth/login", {"email": who["email"], "password": who["password"]})
    landed = await scene.person.submit(consent, "/oauth/authorize", {"decision": "allow"})
    if urlsplit(landed.url).path.endswith("/business"):
        await scene.person.submit(landed, "/business", {"account_id": scene.account_id})
    status = await scene.database.fetchval("SELECT status FROM sync.connection WHERE partner_id = $1", scene.partner_id)
    if status not in {"pending", "connected"}:
        raise NotShown(f"after Allow the module shows {status}")
    return f"{account['name']} allowed access; the module shows {status.capitalize()}"


async def initial_sync(scene: Scene) -> str:
    """Watch the percentage on the page until the module shows Connected; it never goes back."""
    seen: list[int] = []

    async def look() -> bool:
        row = await scene.database.fetchrow(
            "SELECT n.status, (c.value->>'percent')::int AS percent FROM sync.connection n LEFT JOIN sync.cursor c "
            "ON c.partner_id = n.partner_id AND c.feed = 'backfill' WHERE n.partner_id = $1",
            scene.partner_id,
        )
        if row is None:
            return False
        if row["percent"] is not None and (not seen or seen[-1] != row["percent"]):
            seen.append(row["percent"])
        return bool(row["status"] == "connected")

    await until("Connected", look, CONNECTED_WITHIN_S)
    if seen != sorted(seen):
        raise NotShown(f"the percentage went back: {seen}")
    page = await scene.open("/integrations")
    if "Connected" not in page.text:
        raise NotShown("the Integrations page does not show Connected")
    return f"Connected after {len(seen)} steps of progress"


async def books_are_complete(scene: Scene) -> str:
    """Compare what the platform sees with the books, invoice by invoice, to the cent."""
    summary = await scene.look("summary")
    rows = await scene.database.fetch(
        "SELECT invoice_id, currency, total, amount_due FROM platform.invoice WHERE partner_id = $1", scene.partner_id
    )
    ours = {row["invoice_id"]: row for row in rows}
    theirs = {row["invoiceid"]: row for row in summary["invoices"]}
    if ours.keys() != theirs.keys():
        raise NotShown(f"{len(ours)} invoices here, {len(theirs)} in the books")
    wrong = [
        key
        for key, row in theirs.items()
        if (ours[key]["total"], ours[key]["amount_due"]) != (Decimal(row["amount"]), Decimal(row["outstanding"]))
    ]
    if wrong:
        raise NotShown(f"{len(wrong)} invoices differ, the first is {wrong[0]}")
    return f"{len(ours)} invoices agree with the books to the cent"


async def waits_for_accounts(scene: Scene) -> str:
    """Pay before accounts are set up: the payment waits, visibly; saved accounts let it go."""
    (invoice_id,) = await scene.unpaid(1)
    due = (await scene.invoice(invoice_id))["amount_due"]
    payment_id = await scene.pay(invoice_id, due)
    page = await scene.open(f"/invoices/{invoice_id}")
    if "accounts" not in page.text.lower():
        raise NotShown("the invoice's page does not say that the payment waits for accounts")
    early = "a payment was recorded before accounts were chosen"
    await never(early, lambda: scene.fb_payments(invoice_id), PUSHED_WITHIN_S)
    await _set_up_accounts(scene)

    async def look() -> bool:
        return any(payment_id in row["note"] for row in await scene.fb_payments(invoice_id))

    await until("the waiting payment in FreshBooks", look, 10.0)
    return f"{payment_id} waited for accounts and was recorded once they were saved"


async def _set_up_accounts(scene: Scene) -> None:
    page = await scene.open("/integrations/freshbooks/accounts")
    try:
        page = await scene.person.submit(page, "/accounts/create")
    except PageRefused:
        # The books have the account already.
        page = await scene.open("/integrations/freshbooks/accounts")
    choices = page.form("/freshbooks/accounts").choices
    bank = next(value for value in choices["deposits"].values() if value)
    funds = next(value for label, value in choices["payments"].items() if label.startswith("Undeposited Funds"))
    await scene.person.submit(page, "/freshbooks/accounts", {"payments": funds, "deposits": bank})


def _links(html: str) -> list[str]:
    parts = html.split('href="')[1:]
    return [urljoin("/", part.partition('"')[0].replace("&amp;", "&")) for part in parts]
