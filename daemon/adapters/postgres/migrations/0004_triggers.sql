-- What a change on the platform sets in motion, in the platform's own transaction.

CREATE FUNCTION sync.ask_reread(partner text, account text, what text, object_id bigint, why text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sync.reread AS r (partner_id, account_id, resource, id, reason, due_at)
    VALUES (partner, account, what, object_id, why, sync.at_once())
    ON CONFLICT (partner_id, account_id, resource, id) DO UPDATE
        SET due_at = excluded.due_at, asked = r.asked + 1,
            -- What the platform did can be decided from stored facts; any other reason needs FreshBooks and outweighs it.
            reason = CASE r.reason WHEN 'platform' THEN excluded.reason ELSE r.reason END;
    SELECT pg_notify('syncd_wake', partner || ':reread');
$$;

CREATE FUNCTION sync.intend_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    why text := CASE
        WHEN NEW.ap_invoice_id IS NOT NULL THEN 'made_on_platform'
        WHEN NEW.status IN ('failed', 'chargeback') THEN 'failed_before_push'
        WHEN NEW.status = 'refunded' THEN 'refunded_before_push'
    END;
BEGIN
    INSERT INTO sync.push (partner_id, kind, subject, generation, account_id, invoice_id, state, marker, reason)
    VALUES (NEW.partner_id, 'payment', NEW.payment_id, 1, coalesce(NEW.account_id, ''), NEW.invoice_id,
            CASE WHEN why IS NULL THEN 'ready' ELSE 'cancelled' END, sync.payment_marker(NEW.payment_id, 1), why);
    IF why IS NULL THEN
        PERFORM pg_notify('syncd_wake', NEW.partner_id || ':push');
    END IF;
    -- What is due falls at once, whether or not FreshBooks can be written now.
    IF NEW.invoice_id IS NOT NULL THEN
        PERFORM sync.ask_reread(NEW.partner_id, NEW.account_id, 'invoices', NEW.invoice_id, 'platform');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_intends AFTER INSERT ON platform.payment
    FOR EACH ROW EXECUTE FUNCTION sync.intend_payment();

CREATE FUNCTION sync.guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.partner_id, NEW.payment_id, NEW.account_id, NEW.invoice_id, NEW.ap_invoice_id, NEW.amount, NEW.currency)
       IS DISTINCT FROM
       (OLD.partner_id, OLD.payment_id, OLD.account_id, OLD.invoice_id, OLD.ap_invoice_id, OLD.amount, OLD.currency) THEN
        RAISE EXCEPTION 'payment % of % may change its status alone', OLD.payment_id, OLD.partner_id
            USING HINT = 'Insert another payment instead.', ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payment_is_fixed BEFORE UPDATE ON platform.payment
    FOR EACH ROW EXECUTE FUNCTION sync.guard_payment();

CREATE FUNCTION sync.follow_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- The raised fence stops whoever is about to send it; one that is on its way or unknown is looked up instead.
    IF NEW.status IN ('failed', 'chargeback', 'refunded') THEN
        UPDATE sync.push
        SET state = 'cancelled', fence = fence + 1, deadline_at = NULL, not_before = NULL, updated_at = now(),
            reason = CASE NEW.status WHEN 'refunded' THEN 'refunded_before_push' ELSE 'failed_before_push' END
        WHERE partner_id = NEW.partner_id AND kind = 'payment' AND subject = NEW.payment_id AND state IN ('ready', 'waiting');
    END IF;
    IF NEW.invoice_id IS NOT NULL THEN
        PERFORM sync.ask_reread(NEW.partner_id, NEW.account_id, 'invoices', NEW.invoice_id, 'platform');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_is_followed AFTER UPDATE OF status ON platform.payment
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION sync.follow_payment();

CREATE FUNCTION sync.intend_payout() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO sync.push (partner_id, kind, subject, generation, account_id, state, marker, detail)
    SELECT NEW.partner_id, 'payout', NEW.payout_id, 1,
           coalesce((SELECT account_id FROM sync.connection WHERE partner_id = NEW.partner_id), ''),
           'waiting', 'APO:' || NEW.payout_id || ':1', 'Not recorded: deposits are off.'
    ON CONFLICT (partner_id, kind, subject, generation) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER payout_intends AFTER INSERT OR UPDATE OF status ON platform.payout
    FOR EACH ROW WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION sync.intend_payout();

-- Issues that open or close are events for the platform.
CREATE FUNCTION sync.tell_platform() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.lock_partner(NEW.partner_id);
    INSERT INTO platform.event (partner_id, kind, subject, data)
    VALUES (NEW.partner_id,
            CASE WHEN NEW.closed_at IS NULL THEN 'issue_opened' ELSE 'issue_closed' END,
            NEW.subject_type || '/' || NEW.subject_id,
            jsonb_build_object('issue_id', NEW.issue_id::text, 'kind', NEW.kind, 'reason', NEW.reason,
                               'next_step', NEW.next_step, 'actions', array_to_string(NEW.actions, ' ')));
    RETURN NULL;
END $$;

CREATE TRIGGER issue_opened AFTER INSERT ON sync.issue FOR EACH ROW EXECUTE FUNCTION sync.tell_platform();
CREATE TRIGGER issue_closed AFTER UPDATE OF closed_at ON sync.issue
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION sync.tell_platform();
