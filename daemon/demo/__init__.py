"""The demo: the whole product at work on this machine, to be watched, or checked without a person."""
