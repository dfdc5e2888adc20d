"""One session: what both ends say after the handshake (wire.md §6.3 to §6.9, §7.1 to §7.3)."""

import asyncio
import os
import time
from dataclasses import dataclass, field

import envelopes
from frames import Lost, ProtocolError
from parts import Assembly, Flow, Limits, Outbox, TooLarge
from streams import WINDOW, Stream

CALLS = 256                   # running calls of the peer
ARGUMENT_BYTES = 8 << 20      # their arguments
STREAMS = 1024                # running streams of the peer
REFUSALS = 1024               # refusals that wait to be written
UP_TIME = 10                  # seconds from TCP to up
SILENCE, PONG_TIME = 15, 5    # seconds before a ping, and for its pong
HALF_CLOSE, HALF_CLOSE_REPLACED = 30, 24 * 3600
CANCEL_SLACK = 0.01           # a cancel so near to the deadline counts as the deadline (§6.9)

IMMEDIATE = {"refused", "revoked", "conflict", "busy", "protocol", "unresponsive"}
REPLACED = {"rotated", "duplicate"}


class CallError(Exception):
    """A call failed, with a code of §10. Handlers raise it to say why they failed.

    sent is false if the request was surely not carried out, as it was not sent whole.
    """

    def __init__(self, code, text="", *data, sent=True):
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.data, self.sent = code, text, data, sent


class End(Exception):
    """A session ended: the code of the bye, or "lost"; whether the peer said it."""

    def __init__(self, code, text="", retry_ms=0, by_peer=False, is_orderly=False):
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.retry_ms = code, text, retry_ms
        self.by_peer, self.is_orderly = by_peer, is_orderly


@dataclass
class Hello:
    """What a peer has said of itself (§6.7)."""

    version: int = 1
    agent: str = ""
    name: str = ""
    boot: bytes = None
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def parse(cls, args):
        keys = envelopes.mapping(args)

        def number(key, least, default):
            largest = envelopes.LARGEST_CREDIT
            return (envelopes.integer(keys[key], least, largest, cap=True) if key in keys
                    else default)
        version = number("v", 1, 1)
        most, message = number("max", 0, 0), number("message", 0, None)
        assemble, chains = number("assemble", 0, 0), number("chains", 0, 1)
        return cls(
            version=version,
            agent=envelopes.text(keys["agent"], 64) if "agent" in keys else "",
            name=envelopes.text(keys["name"], 64) if "name" in keys else "",
            boot=envelopes.binary(keys["boot"], 8, 8) if "boot" in keys else None,
            limits=Limits(most, message, assemble, chains) if version > 1 else Limits(most))


class Outgoing:
    """A call of this end that is in flight."""

    def __init__(self, number):
        self.number, self.flow = number, Flow()
        self.item = self.stream = None
        self.result = asyncio.get_running_loop().create_future()


class Incoming:
    """A call of the peer that is in flight."""

    def __init__(self, number, args, deadline):
        self.number, self.args, self.deadline = number, args, deadline
        self.flow, self.stream, self.work = Flow(), None, None


class Session:
    """A session whose handshake is done. run() serves it until it ends."""

    def __init__(self, node, connection, is_initiator):
        self.node, self.is_initiator = node, is_initiator
        self.peer = connection.secured.peer
        self.hello = None                       # of the peer, once it has come
        self.own_bye = self.peer_bye = None     # codes of half-closes
        self.up = asyncio.Event()
        self.ended = asyncio.Event()
        self.end = None
        self.heard = time.monotonic()
        self.outbox = Outbox()
        self.connection = connection
        self._assembly = Assembly(node.limits)
        self._sends = Flow()
        self._outgoing, self.incoming, self._pings = {}, {}, {}
        self.last_number = self._argument_bytes = self._refusals = self._replies = 0
        self._ending = asyncio.get_running_loop().create_future()

    @property
    def version(self):
        """The version that applies: the lower of both; 1 before the peer's hello."""
        return min(self.node.version, self.hello.version) if self.hello else 1

    # What the application does.

    async def call(self, handler, args=None, timeout=None):
        """Call a handler and return its result. CallError if it fails, End if the session does."""
        out = self._begin(handler, args, timeout)
        return await self._finish(out, timeout)

    def open(self, handler, args=None, timeout=None, window=WINDOW):
        """Open a stream. Return it and an awaitable of the reply's result; awaited or not, cancel
        it to give the stream up.
        """
        if self.version < 2:
            raise CallError("failed", "the peer has no streams", sent=False)
        out = self._begin(handler, args, timeout, window)
        reply = asyncio.create_task(self._finish(out, timeout))
        reply.add_done_callback(lambda _: reply.cancelled() or reply.exception())   # if unasked
        return out.stream, reply

    async def send(self, handler, args=None):
        """Send, and return when it is written. It has no answer."""
        self._check_open()
        item = self.outbox.add(self._sends, envelopes.send(handler, envelopes.encode(args)), True)
        if not await asyncio.shield(item.written):
            raise self.end

    async def ping(self):
        """Return the seconds until the pong came."""
        begun = time.monotonic()
        nonce = os.urandom(8)
        self._pings[nonce] = pong = asyncio.get_running_loop().create_future()
        self.outbox.control(envelopes.ping(nonce))
        await pong
        return time.monotonic() - begun

    def half_close(self, code="shutdown", text="", retry_ms=0):
        """End the session once what is in flight has ended (§7.3)."""
        if self.own_bye:
            return
        self.own_bye = code
        self.outbox.say_bye(envelopes.bye(code, text, retry_ms))
        asyncio.get_running_loop().call_later(
            HALF_CLOSE_REPLACED if code in REPLACED else HALF_CLOSE, self._orderly_end)

    def stop(self, code, text=""):
        """End the session at once with a bye of this code."""
        if not self.end and not self._ending.done():
            self._ending.set_exception(End(code, text))

    # The life of a session.

    async def run(self):
        """Serve the session until it ends; return the End."""
        self.outbox.control(self.node.hello(self.peer))
        if self.is_initiator:
            self.outbox.control(envelopes.ping(os.urandom(8)))
        reader, writer, watch = tasks = [
            asyncio.create_task(part) for part in (self._read(), self._write(), self._watch())]
        await asyncio.wait([self._ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if writer.done() and not self._ending.done():
            await asyncio.wait([reader], timeout=1)     # a bye may explain why writing failed
        self.end = self._why(self._ending, reader, watch, writer)
        self.outbox.close()
        watch.cancel()
        reader.cancel()
        await asyncio.wait([writer], timeout=1)
        writer.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_all()
        await self._close()
        self.ended.set()
        return self.end

    def _why(self, *tasks):
        for task in tasks:
            if task.done():
                error = task.exception()
                if isinstance(error, End):
                    return error
                if isinstance(error, ProtocolError):
                    return End("protocol", str(error))
                if isinstance(error, Lost) and self._is_drained():
                    return self.peer_bye
                return End("lost", repr(error))

    async def _close(self):
        if self.end.code == "lost" or self.end.by_peer and not self.end.is_orderly:
            self.connection.close()
        elif self.end.is_orderly:
            await self.connection.finish()
        else:
            await self.connection.finish(envelopes.bye(self.end.code, self.end.text))

    def _fail_all(self):
        for pong in self._pings.values():
            if not pong.done():
                pong.set_exception(self.end)
        for out in list(self._outgoing.values()):
            self._settle(out, self.end)
        for call in list(self.incoming.values()):
            call.work.cancel()

    async def _write(self):
        while True:
            envelope, item = await self.outbox.next()
            was_written = False
            try:
                await self.connection.write_message(envelope)
                was_written = True
            finally:
                if item:
                    item.written.set_result(was_written)
            self._check_drained()

    async def _read(self):
        while True:
            plaintext = await self.connection.read_message()
            self._assembly.check_silence()
            await self._handle(plaintext, time.monotonic())
            self.heard = time.monotonic()
            if not self.peer_bye:
                self.up.set()

    async def _watch(self):
        """End the session if it is not up in time, or is silent for too long (§7.2)."""
        try:
            async with asyncio.timeout(UP_TIME):
                await self.up.wait()
        except TimeoutError:
            raise End("unresponsive", "the session is not up") from None
        while True:
            await asyncio.sleep(max(0, self.heard + SILENCE - time.monotonic()))
            heard, missed = self.heard, 0
            while time.monotonic() - heard >= SILENCE and heard == self.heard:
                if missed == 2:
                    raise End("unresponsive", "no pong")
                self.outbox.control(envelopes.ping(os.urandom(8)))
                await asyncio.sleep(PONG_TIME)
                missed += 1

    # What the peer says.

    async def _handle(self, plaintext, opened):
        kind, *elements = envelopes.parse(plaintext)
        if kind == envelopes.CALL:
            self._on_call(*elements, opened)
        elif kind == envelopes.REPLY:
            self._on_reply(*elements)
        elif kind == envelopes.PING:
            self.outbox.pong(elements[0])
        elif kind == envelopes.PONG:
            self._on_pong(elements[0])
        elif not elements[0].startswith("$/"):
            self._check_before_bye()
            self.node.on_send(self, *elements)
        else:
            await self._on_protocol_send(*elements)

    async def _on_protocol_send(self, handler, args):
        if handler == "$/hello":
            hello = Hello.parse(args)
            if not self.hello:
                self.hello = hello
                self.outbox.limits, self.outbox.parts = hello.limits, self.version > 1
        elif handler == "$/bye":
            self._on_bye(*envelopes.parse_bye(args))
        elif handler == "$/cancel":
            self._on_cancel(envelopes.call_id(args))
        elif self.node.version < 2:
            return
        elif handler == "$/part":
            self._assembly.part(args)
        elif handler == "$/last":
            joined = self._assembly.last(args)
            if joined:
                await self._handle(*joined)
        elif handler in ("$/data", "$/credit", "$/end"):
            await self._on_stream(handler, args)

    def _on_pong(self, nonce):
        if nonce in self._pings:
            for earlier in list(self._pings):       # it answers the pings before it, too (§6.6)
                self._pings.pop(earlier).set_result(None)
                if earlier == nonce:
                    break

    def _on_call(self, number, handler, args, options, opened):
        """Answer a call: the first of the rules of §6.3 that matches."""
        milliseconds, window = envelopes.parse_options(options)
        if self.node.version < 2:
            window = None
        if number in self.incoming:
            raise ProtocolError(f"the id {number} is in flight")
        self._check_before_bye()
        serve = self.node.handlers.get(handler)
        if milliseconds == 0:
            return self._refuse(number, "deadline")
        if not self._has_room(args, window):
            return self._refuse(number, "overloaded", "too many calls")
        if not serve or handler.startswith("$/"):
            return self._refuse(number, "no_handler")
        deadline = None if milliseconds is None else opened + milliseconds / 1000
        call = self.incoming[number] = Incoming(number, args, deadline)
        if window is not None:
            call.stream = Stream(self.outbox, call.flow, number, is_caller=False)
            call.stream.begin_from_call(window)
        self._argument_bytes += len(args)
        call.work = asyncio.create_task(self._run_handler(call, serve))
        self.node.start(self._answer(call))

    def _has_room(self, args, window):
        streams = sum(1 for call in self.incoming.values() if call.stream)
        calls = len(self.incoming) - streams + self._replies
        return (self._argument_bytes + len(args) <= ARGUMENT_BYTES
                and (calls < CALLS if window is None else streams < STREAMS))

    def _refuse(self, number, code, text=""):
        self._refusals += 1
        if self._refusals > REFUSALS:
            raise Lost("the peer does not read the replies to its calls")
        item = self.outbox.add(Flow(), envelopes.reply(number, error=[code, text]))
        item.written.add_done_callback(self._refusal_written)

    def _refusal_written(self, _):
        self._refusals -= 1

    async def _answer(self, call):
        """Wait until the handler of a call has ended, and answer the call."""
        try:
            delay = None if call.deadline is None else call.deadline - time.monotonic()
            async with asyncio.timeout(delay) as timer:
                result, error = envelopes.encode(await call.work), None
        except asyncio.CancelledError:
            near = call.deadline and call.deadline - time.monotonic() <= CANCEL_SLACK
            result, error = envelopes.NIL, ["deadline" if near else "cancelled", ""]
        except CallError as failure:
            result = envelopes.NIL
            error = [failure.code, envelopes.cut(failure.text), *failure.data]
        except Exception as failure:    # a fault of the handler must not end the session
            result, error = envelopes.NIL, ["internal", ""]
            if isinstance(failure, TimeoutError) and timer.expired():
                error = ["deadline", ""]
            else:
                self.node.log(f"a handler failed: {failure!r}")
        if call.stream:
            await call.stream.finish()
        await self._reply(call, result, error)

    async def _run_handler(self, call, serve):
        try:
            args = envelopes.decode(call.args)
        except ValueError as error:
            raise CallError("bad_args", str(error)) from None
        if not getattr(serve, "is_stream", False):
            return await serve(self.peer, args)
        if not call.stream:
            raise CallError("bad_args", "the handler takes streams only")
        call.stream.begin(call.stream.window)
        return await serve(self.peer, args, call.stream)

    async def _reply(self, call, result, error):
        if self.outbox.is_closed:
            return
        try:
            item = self.outbox.add(call.flow, envelopes.reply(call.number, result, error))
        except ValueError as failure:       # §6.1: over the peer's limit, or beyond the guard
            code = "too_large" if isinstance(failure, TooLarge) else "internal"
            error = error[:2] if error else [code, str(failure)]
            item = self.outbox.add(call.flow, envelopes.reply(call.number, error=error))
        del self.incoming[call.number]
        self._argument_bytes -= len(call.args)
        self._replies += 1
        await asyncio.shield(item.written)
        self._replies -= 1

    def _on_reply(self, number, error, result):
        out = self._outgoing.get(number)
        if out and error:
            data = map(envelopes.decode_any, error[2:])
            self._settle(out, CallError(error[0], error[1], *data))
        elif out:
            self._settle(out, result=result)

    def _on_cancel(self, number):
        if number in self.incoming:
            self.incoming[number].work.cancel()

    async def _on_stream(self, handler, args):
        number, by_caller, value = envelopes.parse_stream(handler, args)
        call = (self.incoming if by_caller else self._outgoing).get(number)
        if not call or not call.stream:
            return                          # it may have crossed the end of the stream
        if handler == "$/data":
            await call.stream.on_data(value)
        elif handler == "$/credit":
            await call.stream.on_credit(value)
        else:
            await call.stream.on_end()

    def _on_bye(self, code, text, retry_ms):
        if code in IMMEDIATE:
            raise End(code, text, retry_ms, by_peer=True)
        if not self.peer_bye:
            self.peer_bye = End(code, text, retry_ms, by_peer=True, is_orderly=True)
            self.half_close(code)
            self._check_drained()

    def _check_before_bye(self):
        if self.peer_bye:
            raise ProtocolError("a call or a send after the bye")

    # Calls of this end.

    def _check_open(self):
        if self.own_bye or self.end or not self.up.is_set():
            raise CallError("failed", "the session takes no calls", sent=False)

    def _begin(self, handler, args, timeout, window=None):
        self._check_open()
        self.last_number += 1
        out = Outgoing(self.last_number)
        options = {} if timeout is None else {"t": max(1, round(timeout * 1000))}
        if window is not None:
            options["s"] = window
            out.stream = Stream(self.outbox, out.flow, out.number, True, window)
        envelope = envelopes.call(out.number, handler, envelopes.encode(args), options)
        out.item = self.outbox.add(out.flow, envelope, first=True)
        self._outgoing[out.number] = out
        return out

    async def _finish(self, out, timeout):
        try:
            async with asyncio.timeout(timeout):
                return envelopes.decode(await out.result)
        except TimeoutError:
            raise CallError("deadline", "no reply in time", sent=out.item.begun) from None
        finally:
            self._cancel(out)

    def _cancel(self, out):
        """Give a call up (§6.9), unless it has ended; if it is not yet sent, take it back."""
        if out.number not in self._outgoing:
            return
        was_sent = out.item not in out.flow.items
        self.outbox.withdraw(out.flow)
        if was_sent:
            self.outbox.control(envelopes.send("$/cancel", envelopes.encode(out.number)))
        self._settle(out, CallError("cancelled", sent=was_sent))

    def _settle(self, out, error=None, result=None):
        """End a call: no message about it counts from now on."""
        del self._outgoing[out.number]
        if not self.end:
            self.outbox.withdraw(out.flow)
        if not out.result.done():
            if error:
                out.result.set_exception(error)
                out.result.exception()      # it may be that nobody asks
            else:
                out.result.set_result(result)
        if out.stream:
            self.node.start(out.stream.finish(error))
        self._check_drained()

    def _check_drained(self):
        """End the session if it half-closes and nothing is in flight (§7.3, step 5)."""
        if self._is_drained():
            self._orderly_end()

    def _is_drained(self):
        return (self.own_bye and self.peer_bye and self.outbox.is_empty()
                and not self._outgoing and not self.incoming and not self._replies)

    def _orderly_end(self):
        if not self.end and not self._ending.done():
            self._ending.set_exception(self.peer_bye or End(self.own_bye, is_orderly=True))
