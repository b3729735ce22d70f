-- Deposits and moves: journal entries that are pushed like payments, and what opens and wakes them.

ALTER TABLE sync.connection ADD COLUMN platform_invoices_account_id text;

ALTER TABLE sync.push DROP CONSTRAINT push_kind_check;
ALTER TABLE sync.push ADD CONSTRAINT push_kind_check CHECK (kind IN ('payment', 'payout', 'move'));
ALTER TABLE sync.push ADD COLUMN entry_id text, ADD COLUMN entry jsonb;
COMMENT ON COLUMN sync.push.entry IS 'The journal entry that was sent last, for a payout or a move: its look-up needs the day, its reversal the accounts.';

CREATE FUNCTION sync.entry_marker(kind text, subject text, generation integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind WHEN 'payout' THEN 'APO:' ELSE 'APM:' END || subject || ':' || generation
$$;

CREATE FUNCTION sync.open_entry(partner text, account text, what text, about text, number integer) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sync.push (partner_id, kind, subject, generation, account_id, state, marker)
    VALUES (partner, what, about, number, account, 'ready', sync.entry_marker(what, about, number))
    ON CONFLICT (partner_id, kind, subject, generation) DO NOTHING;
    SELECT pg_notify('syncd_wake', partner || ':push');
$$;

-- ---- payouts: odd generations are deposits, even ones stand for a payout that failed after its deposit ------------------

CREATE FUNCTION sync.follow_payout(partner text, payout text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    now_is text := (SELECT p.status FROM platform.payout p WHERE p.partner_id = partner AND p.payout_id = payout);
    ended  boolean := now_is IN ('failed', 'canceled');
    last   sync.push;
BEGIN
    SELECT * INTO last FROM sync.push s
    WHERE s.partner_id = partner AND s.kind = 'payout' AND s.subject = payout
    ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
    IF last.generation IS NULL THEN
        IF now_is = 'succeeded' THEN
            PERFORM sync.open_entry(
                partner, coalesce((SELECT c.account_id FROM sync.connection c WHERE c.partner_id = partner), ''),
                'payout', payout, 1);
        END IF;
    ELSIF last.generation % 2 = 1 AND last.state = 'done' AND ended THEN
        PERFORM sync.open_entry(partner, last.account_id, 'payout', payout, last.generation + 1);
    ELSIF last.generation % 2 = 0 AND last.state = 'cancelled' AND last.reason = 'payout_recovered' AND ended THEN
        PERFORM sync.open_entry(partner, last.account_id, 'payout', payout, last.generation + 2);
    -- The raised fence stops whoever is planning it from what was so a moment ago; one that is on its way goes on.
    ELSIF last.state IN ('ready', 'waiting', 'needs_person')
          OR last.state = 'cancelled' AND last.reason IN ('payout_failed', 'nothing_to_record') THEN
        UPDATE sync.push s
        SET state = 'ready', fence = fence + 1, deadline_at = NULL, not_before = sync.at_once(), updated_at = now()
        WHERE s.partner_id = partner AND s.kind = 'payout' AND s.subject = payout AND s.generation = last.generation;
        PERFORM pg_notify('syncd_wake', partner || ':push');
    END IF;
END $$;

DROP TRIGGER payout_intends ON platform.payout;
DROP FUNCTION sync.intend_payout();

CREATE FUNCTION sync.payout_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM sync.follow_payout(NEW.partner_id, NEW.payout_id);
    RETURN NULL;
END $$;
CREATE TRIGGER payout_intends AFTER INSERT OR UPDATE OF status, currency, net, arrival_date ON platform.payout
    FOR EACH ROW EXECUTE FUNCTION sync.payout_changed();

CREATE FUNCTION sync.payout_member_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM sync.follow_payout(OLD.partner_id, OLD.payout_id);
    ELSE
        PERFORM sync.follow_payout(NEW.partner_id, NEW.payout_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payout_member_intends AFTER INSERT OR UPDATE OR DELETE ON platform.payout_member
    FOR EACH ROW EXECUTE FUNCTION sync.payout_member_changed();

-- ---- moves: the subject is FreshBooks' payment id; odd generations move the payment, even ones bring it back ------------

-- Decides as `next_move` of the core does.
CREATE FUNCTION sync.follow_record(partner text, account text, record_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    about  text := record_id::text;
    live   boolean := NOT EXISTS (
        SELECT FROM sync.fb_payment f
        WHERE f.partner_id = partner AND f.account_id = account AND f.fb_payment_id = record_id AND f.vis_state = 1);
    last   sync.push;
    stands boolean;
    number integer;
BEGIN
    IF NOT EXISTS (
        SELECT FROM sync.push s
        WHERE s.partner_id = partner AND s.account_id = account AND s.fb_payment_id = record_id AND s.kind = 'payment'
          AND (s.state = 'done' OR EXISTS (
              SELECT FROM sync.push m WHERE m.partner_id = partner AND m.kind = 'move' AND m.subject = about))) THEN
        RETURN;
    END IF;
    SELECT * INTO last FROM sync.push s
    WHERE s.partner_id = partner AND s.kind = 'move' AND s.subject = about
    ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
    IF last.state IN ('ready', 'waiting', 'needs_person') THEN
        UPDATE sync.push s
        SET state = 'ready', fence = fence + 1, deadline_at = NULL, not_before = sync.at_once(), updated_at = now()
        WHERE s.partner_id = partner AND s.kind = 'move' AND s.subject = about AND s.generation = last.generation;
        PERFORM pg_notify('syncd_wake', partner || ':push');
        RETURN;
    ELSIF last.generation IS NOT NULL AND last.state <> 'done'
          AND NOT (last.state = 'cancelled' AND coalesce(last.reason, '') IN ('record_gone', 'record_back')) THEN
        RETURN;
    END IF;
    stands := coalesce((
        SELECT s.generation % 2 = 1 FROM sync.push s
        WHERE s.partner_id = partner AND s.kind = 'move' AND s.subject = about AND s.state = 'done'
        ORDER BY s.generation DESC LIMIT 1), false);
    IF stands = live THEN
        RETURN;
    END IF;
    -- FreshBooks posts payments to its Petty Cash: where that is chosen, nothing is to be moved.
    IF live AND NOT EXISTS (
        SELECT FROM sync.connection c
        LEFT JOIN sync.ledger_account a
               ON a.partner_id = c.partner_id AND a.account_id = c.account_id AND a.ledger_account_id = c.payments_account_id
        WHERE c.partner_id = partner AND c.account_id = account AND c.payments_account_id IS NOT NULL
          AND a.number IS DISTINCT FROM '1000-1') THEN
        RETURN;
    END IF;
    number := coalesce(last.generation, 0) + 1;
    IF (number % 2 = 1) <> live THEN
        number := number + 1;
    END IF;
    PERFORM sync.open_entry(partner, account, 'move', about, number);
END $$;

CREATE FUNCTION sync.push_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'move' THEN
        PERFORM sync.follow_record(NEW.partner_id, NEW.account_id, NEW.subject::bigint);
    ELSIF NEW.kind = 'payment' AND NEW.fb_payment_id IS NOT NULL THEN
        PERFORM sync.follow_record(NEW.partner_id, NEW.account_id, NEW.fb_payment_id);
    ELSIF NEW.kind = 'payout' THEN
        PERFORM sync.follow_payout(NEW.partner_id, NEW.subject);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER push_is_followed AFTER UPDATE OF state ON sync.push
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND (NEW.state = 'done' OR NEW.kind = 'move' AND NEW.state = 'cancelled'))
    EXECUTE FUNCTION sync.push_ended();

CREATE FUNCTION sync.record_seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.follow_record(NEW.partner_id, NEW.account_id, NEW.fb_payment_id);
    RETURN NULL;
END $$;
CREATE TRIGGER deleted_record_is_followed AFTER INSERT ON sync.fb_payment
    FOR EACH ROW WHEN (NEW.vis_state = 1) EXECUTE FUNCTION sync.record_seen();
CREATE TRIGGER record_is_followed AFTER UPDATE OF vis_state ON sync.fb_payment
    FOR EACH ROW WHEN ((OLD.vis_state = 1) <> (NEW.vis_state = 1)) EXECUTE FUNCTION sync.record_seen();
