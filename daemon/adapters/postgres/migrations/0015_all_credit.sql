-- A record of ours that is live although FreshBooks applied nothing of it: nothing was outstanding, and all became a credit.

ALTER TABLE sync.applied ADD COLUMN is_all_credit boolean NOT NULL DEFAULT false;
