"""What semgrep's rules must find (ruleid) and must leave alone (ok). It is never run."""


def secrets_and_logs(settings, ring, log, request):
    text = settings.client_secret.get_secret_value()
    # ruleid: secret-told
    log.info("started", secret=text)
    # ruleid: secret-told
    log.debug(f"token {ring.decrypt(sealed, partner_id=partner, field=field)}")
    # ok: secret-told
    log.info("started", size=len(text))
    # ruleid: secret-told
    print(text)
    # ok: secret-told
    client = Client(client_secret=text)
    if not text:
        # ok: secret-told
        raise SettingsError("freshbooks.client_secret is not set")
    # ruleid: secret-told
    raise SettingsError(f"{text} is wrong")


async def bodies(request, log):
    body = await request.read()
    # ruleid: body-logged
    log.warning("odd", body=body)
    # ok: body-logged
    log.warning("odd", size=len(body))
    # ruleid: body-logged
    log.info("asked", agent=request.headers["User-Agent"])


async def statements(connection, table, partner_id):
    # ruleid: sql-in-pieces
    await connection.fetch(f"SELECT * FROM {table}")
    # ruleid: sql-in-pieces
    await connection.execute("DELETE FROM t WHERE id = " + partner_id)
    # ruleid: sql-in-pieces
    await connection.fetchval("SELECT {}".format(table))
    # ok: sql-in-pieces
    await connection.fetch(QUERIES.one_invoice, partner_id)
    # ok: sql-in-pieces
    await connection.fetch("SELECT 1 WHERE $1", partner_id)


def comparisons(given, expected, session, form):
    # ruleid: secret-compared-openly
    if session.csrf == form["csrf"]:
        pass
    # ruleid: secret-compared-openly
    if signature != expected:
        pass
    # ok: secret-compared-openly
    if hmac.compare_digest(signature, expected):
        pass
    # ok: secret-compared-openly
    if kind == "signature":
        pass


def money(invoice, seconds):
    # ruleid: money-by-float
    half = Decimal(0.5)
    # ruleid: money-by-float
    due = float(invoice.amount_due)
    # ruleid: money-by-float
    paid = Decimal(float(text))
    # ok: money-by-float
    half = Decimal("0.5")
    # ok: money-by-float
    wait = float(seconds)


def cookies(response, dashboard):
    # ruleid: cookie-open
    response.set_cookie("session", "x", secure=True)
    # ok: cookie-open
    response.set_cookie("session", "x", secure=dashboard.is_https, httponly=True, samesite="Lax")


async def redirects(request):
    # ruleid: redirect-by-request
    raise web.HTTPSeeOther(request.query["next"])


async def redirects_home(request):
    # ok: redirect-by-request
    raise web.HTTPSeeOther("/integrations")


def connections(session, context, url):
    # ruleid: certificate-ignored
    session.get(url, ssl=False)
    # ruleid: certificate-ignored
    context.check_hostname = False
    # ok: certificate-ignored
    session.get(url, ssl=context)


def markup(name):
    # ruleid: markup-trusted
    Markup(f"<b>{name}</b>")
    # ruleid: markup-trusted
    Markup("<b>{}</b>".format(name))
    # ok: markup-trusted
    Markup("<b>{}</b>").format(name)


def retries():
    # ruleid: retry-by-itself
    import tenacity
    # ok: retry-by-itself
    import anyio
