"""What the pages, the API and the status command show: one frozen row per thing, as the store reads it."""

from daemon.core.desk.charts import CHART_DAYS, DayFigures, Recorded, fill_days
from daemon.core.desk.invoices import CustomerRow, FbPaymentRow, HistoryRow, InvoiceDetail, InvoiceQuery, InvoiceRow
from daemon.core.desk.log import AuditRow, EventRow, IssueQuery, IssueRow, RunRow
from daemon.core.desk.module import Counts, FeedProgress, Module
from daemon.core.desk.paging import BACK, DESK_PAGE_ROWS, DESK_PAGE_ROWS_MAX, DeskPage
from daemon.core.desk.payments import PaymentQuery, PaymentRow, PayoutMember, PayoutRow, PushPlace, WaitingMoves
from daemon.core.desk.topics import ALL_TOPICS, Topic

__all__ = [
    "ALL_TOPICS",
    "BACK",
    "CHART_DAYS",
    "DESK_PAGE_ROWS",
    "DESK_PAGE_ROWS_MAX",
    "AuditRow",
    "Counts",
    "CustomerRow",
    "DayFigures",
    "DeskPage",
    "EventRow",
    "FbPaymentRow",
    "FeedProgress",
    "HistoryRow",
    "InvoiceDetail",
    "InvoiceQuery",
    "InvoiceRow",
    "IssueQuery",
    "IssueRow",
    "Module",
    "PaymentQuery",
    "PaymentRow",
    "PayoutMember",
    "PayoutRow",
    "PushPlace",
    "Recorded",
    "RunRow",
    "Topic",
    "WaitingMoves",
    "fill_days",
]
