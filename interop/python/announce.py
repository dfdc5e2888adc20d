"""Announces by UDP (wire.md §8.1): who listens where. Nothing in one is authenticated."""

from identity import check_key

MAGIC = b"PNET"
LENGTH = 39


def encode(port, key):
    """Return the payload that says that key listens at TCP port port."""
    if not 1 <= port <= 65535:
        raise ValueError("a port is from 1 to 65535")
    return MAGIC + b"\x01" + port.to_bytes(2, "big") + check_key(key)


def decode(payload, own=None):
    """Return port and key of an announce; ValueError if it is none, or of the own key."""
    if len(payload) != LENGTH or payload[:5] != MAGIC + b"\x01":
        raise ValueError("not an announce")
    port, key = int.from_bytes(payload[5:7], "big"), check_key(payload[7:])
    if port == 0 or key == own:
        raise ValueError("an announce of no port, or of the own key")
    return port, key
