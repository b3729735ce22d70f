"""What to do: the sync rules and the state machine, as plain functions over frozen values."""
