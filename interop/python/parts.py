"""What waits to be written, in turns and in parts, and the parts that arrive (wire.md §6.10)."""

import asyncio
import time
from collections import deque

import envelopes
from frames import LEAST_MAX, Lost, ProtocolError, TAG

CUT = 32 << 10            # bytes: longer envelopes go in parts of this size
LEAST_PART = 4 << 10
LARGEST_PART = 64 << 10
CHAIN_SILENCE = 120       # seconds that a chain may be without a part
LARGEST_LIMIT = 2**31 - 1
PONGS = 4


class Limits:
    """What one end accepts, as its hello says (§6.7). The defaults hold before a hello."""

    def __init__(self, most=0, message=None, assemble=0, chains=1):
        def within(value, least):
            return min(max(value, least), LARGEST_LIMIT)
        self.max = within(most, LEAST_MAX)
        self.message = within(self.max - TAG if message is None else message, LEAST_MAX - TAG)
        self.assemble = within(assemble, self.message)
        self.chains = within(chains, 1)


class TooLarge(ValueError):
    """An envelope is longer than the peer takes."""


class Item:
    """An envelope that waits in a flow. written becomes true when its last byte is written,
    false if that will never be.
    """

    def __init__(self, envelope, first=False):
        self.envelope, self.first = envelope, first
        self.begun = False
        self.offset = 0
        self.chain = None
        self.written = asyncio.get_running_loop().create_future()


class Flow:
    """Items that keep their order: a call and the caller's values, a reply and the callee's,
    or the sends of a session. Flows take turns.
    """

    def __init__(self):
        self.items = deque()


class Outbox:
    """All that one session has to write, and which piece of it comes next."""

    def __init__(self):
        self.limits, self.parts = Limits(), False   # of the peer; until its hello
        self.bye = None          # that of a half-close, which follows the calls and sends
        self._control, self._pongs = deque(), deque()
        self._turns, self._waiting = deque(), deque()
        self._chains, self._last_chain = {}, 0
        self._first_items = 0
        self._wake = asyncio.Event()
        self.is_closed = False

    def control(self, envelope):
        """Add an envelope that goes before everything in flows."""
        self._control.append(envelope)
        self._wake.set()

    def pong(self, nonce):
        """Add a pong; of more than four the oldest is dropped (§6.6)."""
        if len(self._pongs) == PONGS:
            self._pongs.popleft()
        self._pongs.append(envelopes.pong(nonce))
        self._wake.set()

    def add(self, flow, envelope, first=False):
        """Add an envelope to a flow. first: it is a call or a send, which a bye must follow.

        ValueError if the peer would not take it (§6.1): nothing is sent, the session goes on.
        """
        if self.is_closed:
            raise Lost("the session has ended")
        try:
            envelopes.guard(envelope)
        except ProtocolError as error:
            raise ValueError(str(error)) from None
        if len(envelope) > max(self.limits.max - TAG, self.limits.message if self.parts else 0):
            raise TooLarge(f"a message of {len(envelope)} bytes is more than the peer takes")
        item = Item(envelope, first)
        self._first_items += first
        flow.items.append(item)
        if len(flow.items) == 1:
            self._turns.append(flow)
        self._wake.set()
        return item

    def withdraw(self, flow):
        """Forget what waits in a flow, and abandon its chain if it is in one."""
        for queue in (self._turns, self._waiting):
            if flow in queue:
                queue.remove(flow)
        chain = flow.items[0].chain if flow.items else None
        for item in flow.items:
            self._first_items -= item.first
            item.written.set_result(False)
        flow.items.clear()
        if chain:
            self.control(_part("$/last", chain, None))
            self._end_chain(chain)
        self._admit()
        self._wake.set()

    def close(self):
        """Forget everything: the session has ended."""
        self.is_closed = True
        for flow in [*self._turns, *self._waiting]:
            for item in flow.items:
                item.written.set_result(False)
            flow.items.clear()
        self._wake.set()

    def is_empty(self):
        """Whether nothing waits to be written."""
        return not (self.bye or self._control or self._pongs or self._turns or self._waiting)

    async def next(self):
        """Wait for the next envelope, and return it with the item it completes, if any."""
        while not self.is_closed:
            for queue in (self._control, self._pongs):
                if queue:
                    return queue.popleft(), None
            if self.bye and not self._first_items:
                bye, self.bye = self.bye, None
                return bye, None
            piece = self._turn()
            if piece:
                return piece
            self._wake.clear()
            await self._wake.wait()
        raise Lost("the session has ended")

    def say_bye(self, bye):
        """Send a bye of a half-close after the calls and sends that have begun (§7.3)."""
        self.bye = bye
        self._wake.set()

    def _turn(self):
        while self._turns:
            flow = self._turns.popleft()
            item = flow.items[0]
            length = len(item.envelope)
            if length <= CUT or not self.parts or length > self.limits.message:
                piece, complete = item.envelope, True
            elif item.chain or self._open_chain(flow):
                piece, complete = self._next_part(item)
            else:
                continue
            item.begun = True
            if complete:
                flow.items.popleft()
                self._first_items -= item.first
                if item.chain:
                    self._end_chain(item.chain)
            if flow.items:
                self._turns.append(flow)
            return piece, item if complete else None
        return None

    def _next_part(self, item):
        start, item.offset = item.offset, item.offset + CUT
        data, total = item.envelope[start:item.offset], len(item.envelope)
        if item.offset >= total:
            return _part("$/last", item.chain, data), True
        return _part("$/part", item.chain, data, *([total] if start == 0 else [])), False

    def _open_chain(self, flow, first_in_line=False):
        """Give a chain to the first item of a flow, or have the flow wait in line for room."""
        item = flow.items[0]
        total = len(item.envelope)
        if (self._waiting and not first_in_line or len(self._chains) >= self.limits.chains
                or sum(self._chains.values()) + total > self.limits.assemble):
            if not first_in_line:
                self._waiting.append(flow)
            return False
        self._last_chain += 1
        item.chain = self._last_chain
        self._chains[self._last_chain] = total
        return True

    def _end_chain(self, chain):
        del self._chains[chain]
        self._admit()

    def _admit(self):
        while self._waiting and self._open_chain(self._waiting[0], first_in_line=True):
            self._turns.append(self._waiting.popleft())


def _part(handler, *args):
    return envelopes.send(handler, envelopes.encode(args))


def parse_part(args, is_last=False):
    """Return the number of the chain, the bytes, None if it is abandoned, and the total, None
    if it is no first part.
    """
    elements = envelopes.array(args, 2, envelopes.MAX_ELEMENTS)
    number, data, total = envelopes.call_id(elements[0]), None, None
    if not is_last or elements[1] != envelopes.NIL:
        data = envelopes.binary(elements[1], 1 if is_last else LEAST_PART, LARGEST_PART)
    if not is_last and len(elements) > 2:
        total = envelopes.integer(elements[2], len(data) + 1, LARGEST_LIMIT, cap=True)
    return number, data, total


class Chain:
    """An envelope that arrives in parts."""

    def __init__(self, data, total):
        self.begun = self.heard = time.monotonic()
        self.data, self.total = bytearray(data), total


class Assembly:
    """The chains that the peer has open."""

    def __init__(self, limits):
        self._limits, self._chains = limits, {}

    def part(self, args):
        """Take the args of a $/part."""
        number, data, total = parse_part(args)
        if total is None:
            chain = self._find(number)
            chain.data += data
            if len(chain.data) >= chain.total:
                raise ProtocolError("a $/part that ends its envelope")
            return
        if total > self._limits.message:
            raise ProtocolError("a longer envelope than this node takes")
        if number in self._chains:
            raise ProtocolError("a first part of an open chain")
        open_bytes = sum(chain.total for chain in self._chains.values())
        if len(self._chains) >= self._limits.chains or open_bytes + total > self._limits.assemble:
            raise ProtocolError("more chains than this node takes")
        self.check_beginning(data)
        self._chains[number] = Chain(data, total)

    def last(self, args):
        """Take the args of a $/last. Return the envelope and when its first part came, or None
        if it is abandoned.
        """
        number, data, _ = parse_part(args, is_last=True)
        chain = self._find(number)
        del self._chains[number]
        if data is None:
            return None
        chain.data += data
        if len(chain.data) != chain.total:
            raise ProtocolError("an envelope of another length than its first part said")
        return bytes(chain.data), chain.begun

    def check_silence(self):
        """Look for chains that have had no part for two minutes; call it when a frame arrives."""
        now = time.monotonic()
        if any(now - chain.heard >= CHAIN_SILENCE for chain in self._chains.values()):
            raise ProtocolError("a chain without a part for two minutes")

    def _find(self, number):
        chain = self._chains.get(number)
        if not chain:
            raise ProtocolError("a part of no chain")
        chain.heard = time.monotonic()
        return chain

    @staticmethod
    def check_beginning(data):
        """Check that an envelope that begins so may travel in parts: calls, replies, values of
        streams, and sends of applications.
        """
        at, count = envelopes.header(data, 0)

        def next_element():
            nonlocal at
            start, (at, _) = at, envelopes.header(data, at)
            if at > len(data):
                raise ProtocolError("a part begins no envelope")
            return data[start:at]
        if not data or not envelopes.is_array(data):
            raise ProtocolError("a part begins no array")
        kind = envelopes.integer(next_element(), envelopes.CALL, envelopes.SEND)
        envelopes.check_length(kind, count)
        if kind != envelopes.SEND:
            envelopes.call_id(next_element())
        if kind != envelopes.REPLY:
            handler = envelopes.name(next_element())
            if handler.startswith("$/") and (kind, handler) != (envelopes.SEND, "$/data"):
                raise ProtocolError(f"{handler} in parts")
