"""Keys and their text forms (wire.md §1.3).

A node is its X25519 key pair. The public key, 32 bytes, is its name.
"""

import base64
import os

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)

FIELD_PRIME = 2**255 - 19
LOW_ORDER_KEYS = frozenset(bytes.fromhex(text) for text in (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
))

PREFIX = "pnet"
BECH32_DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_GENERATORS = (0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)


class KeyPair:
    """A static or ephemeral key pair; public is 32 bytes."""

    def __init__(self, private=None):
        """Take the 32 bytes of a private key, or make a new one."""
        self._private = (X25519PrivateKey.from_private_bytes(private) if private
                         else X25519PrivateKey.generate())
        self.public = self._private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def exchange(self, public):
        """Return DH(own private key, public); ValueError if it is all zeros."""
        return self._private.exchange(X25519PublicKey.from_public_bytes(public))

    @classmethod
    def load(cls, path):
        """Read the key pair from a PEM file (PKCS #8); make the file if there is none."""
        try:
            with open(path, "rb") as file:
                private = serialization.load_pem_private_key(file.read(), None)
        except FileNotFoundError:
            private = X25519PrivateKey.generate()
            pem = private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption())
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
        if not isinstance(private, X25519PrivateKey):
            raise ValueError(f"{path} has no X25519 key")
        return cls(private.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
            serialization.NoEncryption()))


def check_key(key):
    """Return key if it is a public key that §1.3 admits; raise ValueError if not."""
    if len(key) != 32:
        raise ValueError("a public key has 32 bytes")
    if int.from_bytes(key, "little") >= FIELD_PRIME:
        raise ValueError("the public key is not canonical")
    if key in LOW_ORDER_KEYS:
        raise ValueError("the public key is of low order")
    return key


def format_key(key):
    """Return the text of a public key: 63 characters of bech32 (BIP 173)."""
    digits = _regroup(key, 8, 5)
    check = _polymod(_expanded_prefix() + digits + [0] * 6) ^ 1
    digits += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return PREFIX + "1" + "".join(BECH32_DIGITS[digit] for digit in digits)


def parse_key(text):
    """Return the public key of any of its three text forms; raise ValueError if it is none."""
    if len(text) == 63:
        return check_key(_parse_bech32(text))
    if len(text) == 52:
        key = base64.b32decode(text.upper() + "====")
        if base64.b32encode(key).decode().rstrip("=") != text.upper():
            raise ValueError("padding bits that are not zero")
        return check_key(key)
    if len(text) == 64 and not set(text) - set("0123456789abcdefABCDEF"):
        return check_key(bytes.fromhex(text))
    raise ValueError("a key is 63 characters of bech32, 52 of base32 or 64 hex digits")


def _parse_bech32(text):
    if text not in (text.lower(), text.upper()):
        raise ValueError("a key in bech32 has one case")
    text = text.lower()
    if not text.startswith(PREFIX + "1") or set(text[5:]) - set(BECH32_DIGITS):
        raise ValueError("not a key in bech32")
    digits = [BECH32_DIGITS.index(letter) for letter in text[5:]]
    if _polymod(_expanded_prefix() + digits) != 1:
        raise ValueError("the checksum of the key is wrong")
    return bytes(_regroup(digits[:-6], 5, 8))


def _expanded_prefix():
    return [ord(c) >> 5 for c in PREFIX] + [0] + [ord(c) & 31 for c in PREFIX]


def _polymod(digits):
    check = 1
    for digit in digits:
        top = check >> 25
        check = (check & 0x1ffffff) << 5 ^ digit
        for i, generator in enumerate(BECH32_GENERATORS):
            if top >> i & 1:
                check ^= generator
    return check


def _regroup(groups, width, new_width):
    """Regroup bits; padding is made from bytes to digits, and must be zero on the way back."""
    number = bits = 0
    for group in groups:
        number, bits = number << width | group, bits + width
    if new_width < width:
        padding = -bits % new_width
        number, bits = number << padding, bits + padding
    elif number & (1 << bits % new_width) - 1:
        raise ValueError("padding bits that are not zero")
    return [number >> shift & (1 << new_width) - 1
            for shift in range(bits - new_width, -1, -new_width)]
