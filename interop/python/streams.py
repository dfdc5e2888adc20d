"""One stream: values both ways under credit, while its call runs (wire.md §6.11)."""

import asyncio
from collections import deque

import envelopes
from frames import Lost, ProtocolError

WINDOW = 256 << 10   # bytes of values that this end takes before it grants more


class Stream:
    """One end of a stream. Iterate over it for the peer's values: async for value in stream."""

    def __init__(self, outbox, flow, number, is_caller, window=WINDOW):
        self.window = window
        self._outbox, self._flow = outbox, flow
        self._head = [number, is_caller]
        # Values from the peer.
        self._granted = window if is_caller else 0      # bytes that the peer may still send
        self._values, self._taken = deque(), 0
        self._peer_ended = False
        # Values to the peer.
        self._credit = self._first_credit = None
        self._ended = False
        self.failure = None       # the error that ended the stream
        self.is_over = False
        self._changed = asyncio.Condition()
        self._sending = asyncio.Lock()      # values go in the order of their sends

    def begin(self, first_credit):
        """Give the peer its first credit of a stream it has called: the handler begins."""
        self.window = first_credit
        self._grant(first_credit)

    def begin_from_call(self, first_credit):
        """Take the first credit of the caller: the option s of its call."""
        self._credit = self._first_credit = first_credit

    @property
    def has_begun(self):
        """Whether the peer has given its first credit: its handler runs."""
        return self._first_credit is not None

    # What the application does.

    async def until_begun(self):
        """Wait until the peer's handler has begun."""
        await self._until(lambda: self.has_begun)

    async def send(self, value):
        """Send a value when there is credit for all of it, and return when it is written.

        ValueError if the peer never takes so large a value, or none at all.
        """
        await self.send_encoded(envelopes.encode(value))

    async def send_encoded(self, data):
        """Send a value that is msgpack already."""
        async with self._sending:
            await self.until_begun()
            if self._ended:
                raise ValueError("a value after the end")
            if len(data) > self._first_credit // 2:
                raise ValueError(f"a value of {len(data)} bytes; the peer takes half of "
                                 f"{self._first_credit}")
            await self._until(lambda: self._credit >= len(data))
            args = b"\x93" + b"".join(map(envelopes.encode, self._head)) + data
            item = self._outbox.add(self._flow, envelopes.send("$/data", args))
            self._credit -= len(data)
        if not await asyncio.shield(item.written):
            raise self.failure or Lost("the stream is over")

    async def end(self):
        """Say that no value follows from this end, after the values whose sends wait for credit, and
        return when that is written; the other direction goes on.
        """
        async with self._sending:
            await self.until_begun()
            if self._ended:
                return
            self._ended = True
            end = envelopes.send("$/end", envelopes.encode(self._head))
            item = self._outbox.add(self._flow, end)
        await asyncio.shield(item.written)

    async def receive(self):
        """Return the next value; StopAsyncIteration when the peer sends no more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._values or self._peer_ended or self.is_over)
            if not self._values:
                if self.failure:
                    raise self.failure
                raise StopAsyncIteration
            data = self._values.popleft()
        self._taken += len(data)
        if self._taken >= self.window // 2 and not self.is_over and not self._peer_ended:
            self._grant(self._taken)
            self._taken = 0
        return envelopes.decode(data)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.receive()

    async def _until(self, is_true):
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_over or is_true())
        if self.is_over:
            raise self.failure or ValueError("the stream is over")

    def _grant(self, count):
        self._granted += count
        self._outbox.control(envelopes.send("$/credit", envelopes.encode([*self._head, count])))

    # What the session tells it.

    async def on_data(self, data):
        """Take a value of the peer."""
        self._check_direction()
        if len(data) > self._granted:
            raise ProtocolError("a value beyond the credit")
        self._granted -= len(data)
        self._values.append(data)
        await self._notify()

    async def on_credit(self, count):
        """Take credit from the peer; the callee's first one says that its handler runs."""
        if self._first_credit is None:
            self._credit, self._first_credit = 0, count
        self._credit += count
        if self._credit > envelopes.LARGEST_CREDIT:
            raise ProtocolError("more credit than there may be")
        await self._notify()

    async def on_end(self):
        """Note that the peer sends no more values."""
        self._check_direction()
        self._peer_ended = True
        await self._notify()

    async def finish(self, failure=None):
        """End the stream: its reply has come or gone, or its session has ended."""
        self.is_over, self.failure = True, self.failure or failure
        await self._notify()

    def _check_direction(self):
        if not self.has_begun:
            raise ProtocolError("a value or an end before the callee's first credit")
        if self._peer_ended:
            raise ProtocolError("a value or an end after the end")

    async def _notify(self):
        async with self._changed:
            self._changed.notify_all()
