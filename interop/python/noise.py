"""The handshake (wire.md §4) and the cipher of one direction (§5).

Noise_XX_25519_ChaChaPoly_SHA256 with empty payloads. The two roles read and write
through a connection that has read(n), which returns exactly n bytes, and write(data).
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from identity import KeyPair, check_key

PROTOCOL_NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
TAG = 16


class HandshakeFailed(Exception):
    """Close the connection, and write nothing: by a reset, which is right everywhere (§1.2)."""


class Cipher:
    """A key and the counter of one direction; without a key, bytes pass as they are."""

    def __init__(self, key=None):
        self._aead = ChaCha20Poly1305(key) if key else None
        self._counter = 0

    def seal(self, plaintext, data=b""):
        """Return plaintext encrypted and authenticated with data."""
        return self._aead.encrypt(self._nonce(), plaintext, data) if self._aead else plaintext

    def open(self, ciphertext, data=b""):
        """Return the plaintext; InvalidTag if it was not sealed so."""
        if not self._aead:
            return ciphertext
        if len(ciphertext) < TAG:
            raise InvalidTag
        return self._aead.decrypt(self._nonce(), ciphertext, data)

    def _nonce(self):
        if self._counter == 2**64 - 1:
            raise OverflowError("the counter of a key is used up")
        nonce = bytes(4) + self._counter.to_bytes(8, "little")
        self._counter += 1
        return nonce


@dataclass
class Secured:
    """What a handshake gives: the peer's proved key, both ciphers, the handshake hash."""

    peer: bytes
    send: Cipher
    recv: Cipher
    hash: bytes


def hkdf(chaining_key, material):
    """Return two keys of 32 bytes (§4.1)."""
    temp = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(temp, b"\x01", "sha256")
    return first, hmac.digest(temp, first + b"\x02", "sha256")


class Transcript:
    """The state h, ck and k that both roles keep (§4.1)."""

    def __init__(self, prologue):
        self.hash = self.chaining_key = PROTOCOL_NAME
        self.cipher = Cipher()
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, material):
        self.chaining_key, key = hkdf(self.chaining_key, material)
        self.cipher = Cipher(key)

    def encrypt_and_hash(self, plaintext):
        ciphertext = self.cipher.seal(plaintext, self.hash)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext):
        plaintext = self.cipher.open(ciphertext, self.hash)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self):
        """Return the ciphers from initiator to responder and back (§4.5)."""
        return tuple(Cipher(key) for key in hkdf(self.chaining_key, b""))


async def read_message(connection, length):
    """Read the frame of a handshake message, whose body has exactly length bytes (§3)."""
    header = await connection.read(4)
    if int.from_bytes(header, "big") != length:
        raise HandshakeFailed(f"a frame begins with {header.hex()}, where {length} bytes are due")
    return await connection.read(length)


async def write_message(connection, body):
    await connection.write(len(body).to_bytes(4, "big") + body)


async def initiate(connection, own, dialled, is_trusted, prologue=b"", ephemeral=None):
    """Run the initiator's side with the peer whose key is dialled."""
    state, e = Transcript(prologue), ephemeral or KeyPair()
    try:
        # -> e (§4.2)
        state.mix_hash(e.public)
        await write_message(connection, e.public + state.encrypt_and_hash(b""))
        # <- e, ee, s, es (§4.3)
        body = await read_message(connection, 96)
        remote_e = check_key(body[:32])
        state.mix_hash(remote_e)
        state.mix_key(e.exchange(remote_e))
        remote = check_key(state.decrypt_and_hash(body[32:80]))
        state.mix_key(e.exchange(remote))
        state.decrypt_and_hash(body[80:])
        if remote != dialled or remote == own.public or not is_trusted(remote):
            raise HandshakeFailed("not the key that was dialled, or not a trusted one")
        # -> s, se (§4.4)
        body = state.encrypt_and_hash(own.public)
        state.mix_key(own.exchange(remote_e))
        await write_message(connection, body + state.encrypt_and_hash(b""))
    except (ValueError, InvalidTag) as error:
        why = error or "wrong tag: another namespace or protocol"
        raise HandshakeFailed(f"message 2: {why}") from None
    send, recv = state.split()
    return Secured(remote, send, recv, state.hash)


async def respond(connection, own, prologue=b"", ephemeral=None):
    """Run the responder's side. The caller asks for trust: step 8 of §4.4 needs the ciphers."""
    state = Transcript(prologue)
    try:
        # -> e (§4.2)
        remote_e = check_key(await read_message(connection, 32))
        state.mix_hash(remote_e)
        state.decrypt_and_hash(b"")
        # <- e, ee, s, es (§4.3)
        e = ephemeral or KeyPair()
        state.mix_hash(e.public)
        state.mix_key(e.exchange(remote_e))
        body = e.public + state.encrypt_and_hash(own.public)
        state.mix_key(own.exchange(remote_e))
        await write_message(connection, body + state.encrypt_and_hash(b""))
    except ValueError as error:
        raise HandshakeFailed(f"message 1: {error}") from None
    try:
        # -> s, se (§4.4)
        body = await read_message(connection, 64)
        remote = check_key(state.decrypt_and_hash(body[:48]))
        state.mix_key(e.exchange(remote))
        state.decrypt_and_hash(body[48:])
    except (ValueError, InvalidTag) as error:
        raise HandshakeFailed(f"message 3: {error or 'wrong tag'}") from None
    if remote == own.public:
        raise HandshakeFailed("the peer has this node's own key")
    recv, send = state.split()
    return Secured(remote, send, recv, state.hash)
