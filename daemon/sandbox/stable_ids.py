"""Ids that follow from a label alone, so that the same sandbox always hands out the same ones."""

import hashlib


def stable_hex(label: str) -> str:
    """64 hexadecimal digits that follow from `label`."""
    return hashlib.sha256(label.encode()).hexdigest()


def stable_uuid(label: str) -> str:
    """A version 4 shaped UUID that follows from `label`."""
    return uuid_text(stable_hex(label))


def uuid_text(digits: str) -> str:
    """The first 32 of some hexadecimal digits in a version 4 UUID's shape."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
