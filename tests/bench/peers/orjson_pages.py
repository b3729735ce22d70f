"""What reading the same pages costs at least: orjson alone, nothing done with the result."""

import time
import urllib.request

import orjson
from report import job, report

PAGES, ROUNDS = 50, 3
asked = job()


def pages():
    for number in range(1, PAGES + 1):
        address = f"{asked['url']}/accounting/account/{asked['account']}/invoices/invoices"
        request = urllib.request.Request(f"{address}?page={number}&per_page=100&include[]=lines")
        request.add_header("Authorization", f"Bearer {asked['token']}")
        with urllib.request.urlopen(request) as answer:
            yield answer.read()


def main():
    bodies = list(pages())
    best = min(cost(bodies) for _ in range(ROUNDS))
    report(lambda: None, cpu_s=best / PAGES)


def cost(bodies):
    began = time.process_time()
    for body in bodies:
        orjson.loads(body)
    return time.process_time() - began


main()
