-- The lease's check for a statement that is a transaction of its own: the way of a payment has no time for four round trips.

CREATE FUNCTION sync.held(partner text, epoch bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF epoch IS NOT NULL THEN
        PERFORM sync.fence(partner, epoch);
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION sync.held IS 'True, or SY001; NULL is the epoch of those whom no lease guards.';
