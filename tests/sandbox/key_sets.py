"""The keys of FreshBooks' answers, resource by resource, as its documentation, clients and recordings show them.

From FB API s3: the 2026 recordings where there are any, else the newest client library.
"""

CLIENT = frozenset(
    (
        "accounting_systemid", "allow_email_include_pdf", "allow_late_fees", "allow_late_notifications", "bus_phone",
        "company_industry", "company_size", "currency_code", "direct_link_token", "email", "exceeds_client_limit",
        "fax", "fname", "has_retainer", "home_phone", "id", "language", "last_activity", "last_login", "level", "lname",
        "mob_phone", "note", "notified", "num_logins", "number_format", "organization", "p_city", "p_code", "p_country",
        "p_province", "p_street", "p_street2", "pref_email", "pref_gmail", "retainer_id", "role", "s_city", "s_code",
        "s_country", "s_province", "s_street", "s_street2", "signup_date", "statement_token", "subdomain", "updated",
        "userid", "username", "uuid", "vat_name", "vat_number", "vis_state",
    )
)  # fmt: skip
INVOICE = frozenset(
    (
        "accountid", "accounting_systemid", "address", "amount", "auto_bill", "autobill_status", "basecampid", "city",
        "code", "country", "create_date", "created_at", "currency_code", "current_organization", "customerid",
        "date_paid", "deposit_amount", "deposit_percentage", "deposit_status", "description", "discount",
        "discount_description", "discount_total", "discount_value", "display_status", "dispute_status", "due_date",
        "due_offset_days", "estimateid", "ext_archive", "fname", "fulfillment_date", "generation_date", "gmail", "id",
        "invoice_number", "invoiceid", "language", "last_order_status", "lname", "lock_status", "net_paid_amount",
        "notes", "organization", "outstanding", "ownerid", "paid", "parent", "payment_details", "payment_status",
        "po_number", "province", "return_uri", "sender_address", "sentid", "series", "show_attachments", "status",
        "street", "street2", "template", "terms", "updated", "uuid", "v3_status", "vat_name", "vat_number", "version",
        "vis_state",
    )
)  # fmt: skip
LINE = frozenset(
    (
        "amount", "basecampid", "compounded_tax", "date", "description", "expenseid", "invoiceid", "lineid",
        "modern_project_id", "modern_time_entries", "name", "qty", "retainer_id", "retainer_period_id", "taskno",
        "taxAmount1", "taxAmount2", "taxName1", "taxName2", "taxNumber1", "taxNumber2", "type", "unit_cost", "updated",
    )
)  # fmt: skip
PAYMENT = frozenset(
    (
        "accounting_systemid", "amount", "bulk_paymentid", "clientid", "creditid", "date", "from_credit", "gateway",
        "id", "invoiceid", "logid", "note", "orderid", "overpaymentid", "send_client_notification", "transaction_uuid",
        "transactionid", "type", "updated", "vis_state",
    )
)  # fmt: skip
CREDIT_NOTE = frozenset(
    (
        "accounting_systemid", "amount", "city", "clientid", "code", "country", "create_date", "credit_number",
        "credit_type", "creditid", "currency_code", "current_organization", "description", "display_status",
        "dispute_status", "ext_archive", "fname", "id", "language", "last_order_status", "lname", "notes",
        "organization", "paid", "payment_status", "payment_type", "province", "sentid", "status", "street", "street2",
        "template", "terms", "vat_name", "vat_number", "vis_state",
    )
)  # fmt: skip
OTHER_INCOME = frozenset(
    (
        "amount", "category_name", "created_at", "date", "incomeid", "note", "payment_type", "source", "sourceid",
        "taxes", "updated_at", "userid", "vis_state",
    )
)  # fmt: skip
LEDGER_ACCOUNT = frozenset(
    (
        "auto_created", "category_id", "description", "jea_id", "jesa_id", "name", "number", "parent_account", "state",
        "sub_accounts", "sub_type", "system_account_name", "type", "updated_at", "uuid",
    )
)  # fmt: skip
JOURNAL_DETAIL = frozenset(
    (
        "account", "accounting_systemid", "balance", "credit", "debit", "description", "detail_type", "detailid",
        "entry", "id", "name", "sub_account", "user_entered_date",
    )
)  # fmt: skip
CALLBACK = frozenset(("callbackid", "event", "updated_at", "uri", "verified"))
TOKEN = frozenset(
    ("access_token", "created_at", "direct_buy_tokens", "expires_in", "refresh_token", "scope", "token_type")
)
