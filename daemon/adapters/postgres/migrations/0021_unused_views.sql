-- The pages and the API ask for their rows with statements of their own; nothing reads these any more.

DROP VIEW sync.desk_invoice, sync.desk_payment;
