"""dlt as its documentation shows: a paging resource, merged by id, with the lines in a table of their own."""

import os

import dlt
from dlt.sources.helpers import requests
from report import job, report

asked = job()
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"


@dlt.resource(name="invoices", primary_key="id", write_disposition="merge")
def invoices():
    page, pages = 1, 1
    while page <= pages:
        answer = requests.get(
            f"{asked['url']}/accounting/account/{asked['account']}/invoices/invoices",
            params={"page": page, "per_page": 100, "include[]": "lines"},
            headers={"Authorization": f"Bearer {asked['token']}"},
        )
        result = answer.json()["response"]["result"]
        pages, page = result["pages"], page + 1
        yield result["invoices"]


def work():
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=asked["scratch"],
        dataset_name="books",
        destination=dlt.destinations.postgres(asked["dsn"]),
    )
    pipeline.run(invoices(), loader_file_format="csv")


report(work)
