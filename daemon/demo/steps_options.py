"""The check's options: what the page leaves unmarked, off as it is at first, and switched on (O1, O4)."""

from daemon.demo.scene import NotShown, Scene, until
from daemon.demo.steps_money import PULLED_WITHIN_S

MISSING = 404


async def pdf_on_demand(scene: Scene) -> str:
    """An invoice's PDF is there only while its option is on, and comes from FreshBooks as a file."""
    (invoice_id,) = await scene.unpaid(1)
    status, _ = await _pdf(scene, invoice_id)
    if status != MISSING:
        raise NotShown(f"a PDF was handed out while the option is off: {status}")
    await _switch(scene, "pdf_invoices")
    status, body = await _pdf(scene, invoice_id)
    if not body.startswith(b"%PDF-"):
        raise NotShown(f"no PDF came while the option is on: {status}, {body[:80]!r}")
    return f"invoice {invoice_id}: none while off; {len(body)} bytes once switched on"


async def mirror_deleted(scene: Scene) -> str:
    """With the option on, an invoice deleted in FreshBooks is archived here; switched off again, it is not."""
    (invoice_id,) = await scene.unpaid(1)
    await _switch(scene, "mirror_invoices")
    await scene.book(f"invoices/{invoice_id}/delete", {})
    await until("archived here", lambda: _is_archived(scene, invoice_id), PULLED_WITHIN_S)
    await _switch(scene, "mirror_invoices")

    async def back() -> bool:
        return not await _is_archived(scene, invoice_id)

    await until("not archived any more", back, PULLED_WITHIN_S)
    return f"invoice {invoice_id} was archived with FreshBooks while the option was on, and only then"


async def _is_archived(scene: Scene, invoice_id: int) -> bool:
    return bool((await scene.invoice(invoice_id))["status"] == "archived")


async def _switch(scene: Scene, option: str) -> None:
    path = f"/integrations/freshbooks/options/{option}"
    page = await scene.open(path)
    await scene.person.submit(page, path)


async def _pdf(scene: Scene, invoice_id: int) -> tuple[int, bytes]:
    async with scene.http.get(f"{scene.stage.public_url}/invoices/{invoice_id}/pdf") as answer:
        return answer.status, await answer.read()
