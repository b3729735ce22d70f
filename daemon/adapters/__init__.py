"""With what: the outside world, each part turned into the core's words."""
