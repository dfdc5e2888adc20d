"""Frames over a TCP connection (wire.md §3, §5), and the ways to close it (§1.2, §7.3)."""

import asyncio
import socket
import struct

from cryptography.exceptions import InvalidTag

TAG = 16                  # bytes that a transport message adds to its plaintext
LEAST_MAX = 1 << 20       # bytes of a frame's body that every node accepts
STALL = 30                # seconds without progress in writing, then the connection is closed
SLICE = 1 << 16           # bytes that are given to the system at a time
CLOSE_TIME = 10           # seconds that the last step of a session may take (C1, C3)
CLOSE_STALL = 1           # seconds of it without a byte taken
CLOSE_DISCARDS = 1 << 16  # bytes that are read and discarded meanwhile


class Lost(Exception):
    """The connection ended, broke, or took no more bytes."""


class ProtocolError(Exception):
    """The peer broke a rule: the session ends with the bye "protocol"."""


class Connection:
    """A TCP connection that reads no byte before it is asked for; one reader, one writer."""

    def __init__(self, sock):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._loop = sock, asyncio.get_running_loop()
        self.secured = None

    async def read(self, count):
        """Return exactly count bytes."""
        chunks = []
        while count:
            try:
                chunk = await self._loop.sock_recv(self._socket, min(count, SLICE))
            except OSError as error:
                raise Lost(str(error)) from None
            if not chunk:
                raise Lost("the peer closed the connection")
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    async def write(self, data, stall=STALL):
        """Write all of data; give up when no byte was taken for stall seconds."""
        try:
            for start in range(0, len(data), SLICE):
                async with asyncio.timeout(stall):
                    await self._loop.sock_sendall(self._socket, data[start:start + SLICE])
        except (OSError, TimeoutError) as error:
            raise Lost(str(error) or "the peer takes no bytes") from None

    async def read_message(self):
        """Return the plaintext of the next transport message."""
        length = int.from_bytes(await self.read(4), "big")
        if not 1 <= length <= LEAST_MAX:
            raise ProtocolError(f"a frame of {length} bytes")
        try:
            return self.secured.recv.open(await self.read(length))
        except InvalidTag:
            raise ProtocolError("a frame that does not open") from None

    async def write_message(self, plaintext, stall=STALL):
        body = self.secured.send.seal(plaintext)
        await self.write(len(body).to_bytes(4, "big") + body, stall)

    def reset(self):
        """Close so that the peer sees a reset."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self._socket.close()

    def close(self):
        """Close at once (C4 of §7.3)."""
        self._socket.close()

    async def finish(self, bye=None):
        """Write a last message, if any, and close by the steps C1 to C4 of §7.3."""
        try:
            async with asyncio.timeout(CLOSE_TIME):
                discard = asyncio.create_task(self._discard())
                try:
                    if bye:
                        await self.write_message(bye, CLOSE_STALL)
                    self._socket.shutdown(socket.SHUT_WR)
                    await asyncio.wait_for(discard, CLOSE_STALL)
                finally:
                    discard.cancel()
        except (Lost, OSError, TimeoutError):
            pass
        self.close()

    async def _discard(self):
        left = CLOSE_DISCARDS
        while left > 0:
            chunk = await self._loop.sock_recv(self._socket, SLICE)
            if not chunk:
                return
            left -= len(chunk)
