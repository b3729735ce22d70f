"""The composition root: opens every part in order, hands each what it needs, and closes them in reverse."""
