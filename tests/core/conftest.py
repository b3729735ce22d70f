"""How hard the properties of the core are tried: `--hypothesis-profile thorough` for a long look."""

from hypothesis import settings

settings.register_profile("thorough", max_examples=5_000)
