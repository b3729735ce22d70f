-- Which process works for which partner. A process renews one row of its own; whoever is not among the members any more holds nothing.
-- Every take-over raises the partner's epoch, and every transaction that writes for the partner names the epoch it works under.

CREATE TABLE sync.member (
    member_id  text        PRIMARY KEY,   -- a process belongs to no partner
    name       text        NOT NULL,
    joined_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    resigned   boolean     NOT NULL DEFAULT false
);
COMMENT ON COLUMN sync.member.name IS 'Host and process id, for people.';
COMMENT ON COLUMN sync.member.resigned IS 'It stops: what it gives back is shared among the others.';
COMMENT ON COLUMN sync.member.expires_at IS 'By the clock of Postgres alone; hosts'' clocks are never compared.';

CREATE TABLE sync.lease (
    partner_id text        PRIMARY KEY REFERENCES platform.partner,
    holder     text        NOT NULL DEFAULT '',
    epoch      bigint      NOT NULL,
    taken_at   timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON COLUMN sync.lease.holder IS 'A member; empty, or one that is gone: free to be taken.';

-- Held for the life of a member's own connection: whoever gets it knows that the process, or its network, is gone.
CREATE FUNCTION sync.member_key(member text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('freshbooks-syncd member/' || member, 0)
$$;

-- Shared by the transactions that write under a lease, taken alone by the one that moves it: no row is written to check it.
CREATE FUNCTION sync.lease_key(partner text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('freshbooks-syncd lease/' || partner, 0)
$$;

CREATE FUNCTION sync.fence(partner text, held bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(sync.lease_key(partner));
    PERFORM FROM sync.lease WHERE partner_id = partner AND epoch = held;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'partner % was taken over: epoch % is past', partner, held USING ERRCODE = 'SY001';
    END IF;
END $$;

-- The partner's only writer, under a lease that is still held.
CREATE FUNCTION sync.lock_partner(partner text, held bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM sync.lock_partner(partner);
    PERFORM sync.fence(partner, held);
END $$;
