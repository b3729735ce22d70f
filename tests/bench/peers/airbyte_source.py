"""PyAirbyte with a low-code source, as its documentation shows: merged by id into Postgres, the lines as one json."""

import os
import sys
from pathlib import Path

from report import job, report

asked = job()
os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "AIRBYTE_LOGGING_ROOT": asked["scratch"]}
import airbyte  # noqa: E402 -- only after it is told to ask and report nowhere

TEXT = {"type": ["null", "string"]}
NUMBER = {"type": ["null", "integer"]}
MONEY = {"type": ["null", "object"], "properties": {"amount": TEXT, "code": TEXT}}
TEXTS = ("invoice_number", "create_date", "due_date", "currency_code", "updated", "description")
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        **dict.fromkeys(("customerid", "status", "vis_state"), NUMBER),
        **dict.fromkeys(("amount", "outstanding"), MONEY),
        **dict.fromkeys(TEXTS, TEXT),
        "lines": {"type": ["null", "array"], "items": {"type": "object"}},
    },
}
INVOICES = {
    "type": "DeclarativeStream",
    "name": "invoices",
    "primary_key": ["id"],
    "schema_loader": {"type": "InlineSchemaLoader", "schema": SCHEMA},
    "retriever": {
        "type": "SimpleRetriever",
        "requester": {
            "type": "HttpRequester",
            "url_base": asked["url"],
            "path": f"/accounting/account/{asked['account']}/invoices/invoices",
            "http_method": "GET",
            "request_parameters": {"include[]": "lines"},
            "authenticator": {"type": "BearerAuthenticator", "api_token": asked["token"]},
        },
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": ["response", "result", "invoices"]},
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_token_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "page"},
            "page_size_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "per_page"},
            "pagination_strategy": {
                "type": "PageIncrement",
                "start_from_page": 1,
                "page_size": 100,
                "inject_on_first_request": True,
            },
        },
    },
}
MANIFEST = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["invoices"]},
    "streams": [INVOICES],
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
}


def work():
    source = airbyte.get_source("source-books", config={}, source_manifest=MANIFEST, streams=["invoices"])
    cache = airbyte.caches.PostgresCache(
        host=asked["host"],
        port=asked["port"],
        username=asked["user"],
        password="none",
        database=asked["database"],
        schema_name="books",
        cache_dir=Path(asked["scratch"]),
    )
    source.read(cache=cache)


sys.stdout = sys.stderr
report(work)
