"""The loop anyone would write first: the official client page by page, psycopg's executemany, an upsert each."""

import os

import psycopg
from freshbooks import Client
from freshbooks.builders.includes import IncludesBuilder
from freshbooks.builders.paginator import PaginateBuilder
from report import job, report

TABLES = """
CREATE TABLE IF NOT EXISTS invoice (
    id bigint PRIMARY KEY, customer_id bigint, number text, create_date date, due_date date, currency text,
    amount numeric, outstanding numeric, status smallint, vis_state smallint, updated timestamp, description text);
CREATE TABLE IF NOT EXISTS line (
    invoice_id bigint, position integer, name text, description text, qty numeric, unit_cost numeric, amount numeric,
    tax_name1 text, tax_percent1 text, PRIMARY KEY (invoice_id, position));
"""
INVOICE = """
INSERT INTO invoice VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET customer_id = excluded.customer_id, number = excluded.number,
    create_date = excluded.create_date, due_date = excluded.due_date, currency = excluded.currency,
    amount = excluded.amount, outstanding = excluded.outstanding, status = excluded.status,
    vis_state = excluded.vis_state, updated = excluded.updated, description = excluded.description
"""
LINE = """
INSERT INTO line VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (invoice_id, position) DO UPDATE SET name = excluded.name, description = excluded.description,
    qty = excluded.qty, unit_cost = excluded.unit_cost, amount = excluded.amount,
    tax_name1 = excluded.tax_name1, tax_percent1 = excluded.tax_percent1
"""


def invoice_row(row):
    return (
        row["id"], row["customerid"], row["invoice_number"], row["create_date"], row["due_date"], row["currency_code"],
        row["amount"]["amount"], row["outstanding"]["amount"], row["status"], row["vis_state"], row["updated"],
        row["description"],
    )  # fmt: skip


def line_rows(row):
    return [
        (
            row["id"], position, line["name"], line["description"], line["qty"], line["unit_cost"]["amount"],
            line["amount"]["amount"], line["taxName1"], line["taxAmount1"],
        )
        for position, line in enumerate(row["lines"])
    ]  # fmt: skip


def work():
    asked = job()
    os.environ["FRESHBOOKS_API_URL"] = asked["url"]
    client = Client(client_id="bench", access_token=asked["token"])
    lines = IncludesBuilder().include("lines")
    with psycopg.connect(asked["dsn"]) as database:
        database.execute(TABLES)
        page, pages = 1, 1
        while page <= pages:
            found = client.invoices.list(asked["account"], builders=[PaginateBuilder(page, 100), lines])
            rows = [invoice.data for invoice in found]
            with database.cursor() as cursor:
                cursor.executemany(INVOICE, [invoice_row(row) for row in rows])
                cursor.executemany(LINE, [line for row in rows for line in line_rows(row)])
            database.commit()
            pages, page = found.pages.pages, page + 1


report(work)
