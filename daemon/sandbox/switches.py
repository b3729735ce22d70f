"""Named switches for what nobody has established about FreshBooks (FB API s13); each default is the safe assumption."""

from dataclasses import dataclass
from typing import Any

Setting = Any  # a switch's value: a word, a number or a truth


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRule:
    """One switch: its default, what else it may be (None: any value of the default's type), and what it decides."""

    default: Any
    choices: tuple[Any, ...] | None
    about: str


RULES: dict[str, SwitchRule] = {
    "rate_limit_body": SwitchRule(
        default="accounting", choices=("accounting", "google", "text", "empty"), about="the body of a 429"
    ),
    "rate_limit_scope": SwitchRule(
        default="grant", choices=("grant", "account", "app", "ip"), about="whose calls one rate window counts"
    ),
    "rate_limit_retry_after": SwitchRule(
        default=True, choices=(True, False), about="whether a 429 carries Retry-After"
    ),
    "second_consent_revokes": SwitchRule(
        default=True, choices=(True, False), about="whether a new consent ends the older chain of that app and person"
    ),
    "refresh_revokes_access": SwitchRule(
        default=False, choices=(True, False), about="whether a refresh ends the access tokens issued before"
    ),
    "pkce_enforced": SwitchRule(
        default=True, choices=(True, False), about="whether a wrong or missing code_verifier is refused"
    ),
    "payment_on_draft": SwitchRule(
        default="mark_sent", choices=("mark_sent", "keep_draft", "refuse"), about="a payment on a draft invoice"
    ),
    "payment_on_deleted": SwitchRule(
        default="refuse", choices=("refuse", "accept"), about="a payment on a deleted invoice"
    ),
    "payment_unknown_invoice_status": SwitchRule(
        default=422, choices=(422, 404), about="the HTTP status for a payment on an invoice that does not exist"
    ),
    "payment_other_currency": SwitchRule(
        default="refuse", choices=("refuse", "accept"), about="a payment in another currency than its invoice"
    ),
    "payment_edit_over": SwitchRule(
        default="split", choices=("split", "accept"), about="an edit that raises a payment above what is owed"
    ),
    "payment_stores_ids": SwitchRule(
        default=False, choices=(True, False), about="whether transactionid and orderid sent on create are kept"
    ),
    "overpaymentid_is": SwitchRule(
        default="next_log_id", choices=("next_log_id", "credit_id"), about="what overpaymentid points at"
    ),
    "overpayment_dies_with_payment": SwitchRule(
        default=False, choices=(True, False), about="whether deleting a payment deletes the credit it made"
    ),
    "invoice_delete_verb": SwitchRule(
        default="soft", choices=("soft", "refuse"), about="HTTP DELETE on an invoice: like vis_state 1, or 405"
    ),
    "invoice_below_paid": SwitchRule(
        default="negative", choices=("negative", "refuse"), about="an edit that takes the total under what was paid"
    ),
    "other_income_delete": SwitchRule(
        default="both", choices=("both", "verb", "put"), about="which way deletes other income"
    ),
    "max_bound": SwitchRule(
        default="exclusive", choices=("exclusive", "inclusive"), about="whether _max filters include their bound"
    ),
    "sort_by_create_date": SwitchRule(
        default=True, choices=(True, False), about="whether invoices can be sorted by create_date"
    ),
    "note_max_length": SwitchRule(default=0, choices=None, about="longest payment note, 0 for any"),
    "number_max_length": SwitchRule(default=0, choices=None, about="longest invoice number, 0 for any"),
    "draft_journal_line": SwitchRule(
        default=False, choices=(True, False), about="whether a draft leaves a 0.00 journal line"
    ),
    "webhook_retries": SwitchRule(default=0, choices=None, about="how often a failed delivery is tried again"),
    "webhook_retry_s": SwitchRule(default=1.0, choices=None, about="real seconds between those tries"),
    "webhook_disable_after": SwitchRule(
        default=0, choices=None, about="failed deliveries in a row that end a callback's verification, 0 for never"
    ),
    "webhook_https_only": SwitchRule(
        default=False, choices=(True, False), about="whether http callback addresses are refused"
    ),
    "webhook_delay_s": SwitchRule(default=0.02, choices=None, about="real seconds before an event is delivered"),
    "callback_delete_answer": SwitchRule(
        default=204, choices=(204, 200), about="whether DELETE of a callback answers 204 or 200"
    ),
    "callback_time_style": SwitchRule(
        default="iso", choices=("iso", "sql"), about="how a callback's updated_at is written"
    ),
    "events_error_style": SwitchRule(
        default="current", choices=("current", "older"), about="the events family's error shape"
    ),
    "errors_as_object": SwitchRule(
        default=False, choices=(True, False), about="whether accounting errors come as one object, not a list"
    ),
    "error_format": SwitchRule(
        default="by_version", choices=("by_version", "old", "new"), about="accounting's error shape"
    ),
    "new_errors_since": SwitchRule(
        default="2023-09-25", choices=None, about="the first X-API-VERSION that gets google.rpc errors"
    ),
    "foreign_account_status": SwitchRule(
        default=401, choices=(401, 403, 404), about="the answer for an account the token's person does not belong to"
    ),
    "id_token": SwitchRule(default=False, choices=(True, False), about="whether the token answer has an id_token"),
    "client_limit": SwitchRule(default=0, choices=None, about="clients an account may have (402, 7005), 0 for any"),
    "payment_options_gateways": SwitchRule(
        default="list", choices=("list", "names"), about="the shape of allowed_gateways, which is unknown"
    ),
}


class Switches:
    """The switches' present values, read as attributes of a mapping: `switches["max_bound"]`."""

    def __init__(self) -> None:
        """Start with every default."""
        self._values: dict[str, Any] = {name: rule.default for name, rule in RULES.items()}

    def __getitem__(self, name: str) -> Setting:
        """The present value of `name`."""
        return self._values[name]

    def as_dict(self) -> dict[str, Any]:
        """All values by name."""
        return dict(self._values)

    def set(self, name: str, value: object) -> None:
        """Turn a switch; raises ValueError with what is allowed."""
        rule = RULES.get(name)
        if rule is None:
            message = f"No switch '{name}'. There are: {', '.join(sorted(RULES))}."
            raise ValueError(message)
        if rule.choices is not None and value not in rule.choices:
            message = f"Switch '{name}' takes one of {list(rule.choices)}, not {value!r}."
            raise ValueError(message)
        if rule.choices is None and isinstance(rule.default, int | float) != isinstance(value, int | float):
            message = f"Switch '{name}' takes a value like {rule.default!r}, not {value!r}."
            raise ValueError(message)
        self._values[name] = value
