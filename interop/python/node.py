"""A node: its key, whom it trusts, its handlers and its sessions (wire.md §4.5, §6.5, §7.4)."""

import asyncio
import hmac
import os
import socket
import sys
from collections import deque

import envelopes
import noise
from frames import Connection, Lost
from parts import Limits
from session import Session, UP_TIME

AGENT = "peernet-python/1"
STRANGERS = 64          # connections that have not yet authenticated; the oldest makes room
SESSIONS = 4            # with one peer
QUEUED_SENDS, QUEUED_SEND_BYTES = 1024, 8 << 20
ARBITER_TIME = 1        # seconds for the hello and the pong on which §7.4 decides
CHAINS = 64


def stream(handler):
    """Mark a handler as one of streams: it is called with peer, args and the Stream."""
    handler.is_stream = True
    return handler


class Node:
    """One end of any number of sessions.

    handlers maps names to coroutines (peer, args) that return the result; receivers maps names
    of sends, and "*" for all others, to coroutines (peer, name, args).
    """

    def __init__(self, keys, trusted=(), handlers=None, receivers=None, namespace=b"", name="",
                 version=2, message=1 << 20):
        self.keys, self.trusted = keys, set(trusted)
        self.handlers, self.receivers = handlers or {}, receivers or {}
        self.namespace, self.name, self.version = namespace, name, version
        self.limits = Limits(message=message, assemble=message + (3 << 20), chains=CHAINS)
        self.sessions = {}
        self.on_session = lambda session: None      # called with each that is up
        self._boot = os.urandom(32)
        self._strangers, self._sends, self._tasks = [], {}, set()

    def log(self, line):
        print(line, file=sys.stderr, flush=True)

    def is_trusted(self, key):
        """Whether key may have a session; a node never trusts its own."""
        return key in self.trusted and key != self.keys.public

    def untrust(self, key):
        """Trust a key no longer; its sessions end at once."""
        self.trusted.discard(key)
        for session in self.sessions.get(key, []):
            session.stop("revoked")

    def hello(self, peer):
        """Return the hello for a peer (§6.7)."""
        keys = {"v": self.version, "agent": AGENT,
                "boot": hmac.digest(self._boot, peer, "sha256")[:8]}
        if self.name:
            keys["name"] = self.name
        if self.version > 1:
            keys.update(message=self.limits.message, assemble=self.limits.assemble,
                        chains=self.limits.chains)
        return envelopes.send("$/hello", envelopes.encode(keys))

    # Connections.

    async def listen(self, host, port):
        """Accept connections in the background; return the port."""
        listener = socket.create_server((host, port))
        listener.setblocking(False)
        self.start(self._accept(listener))
        return listener.getsockname()[1]

    async def dial(self, host, port, key):
        """Return a session with the peer of that key, once it is up. An exception if it fails."""
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        connection = Connection(sock)
        try:
            async with asyncio.timeout(UP_TIME):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
                connection.secured = await noise.initiate(
                    connection, self.keys, key, self.is_trusted, self.namespace)
        except BaseException:
            connection.reset()
            raise
        session = Session(self, connection, is_initiator=True)
        running = self.start(self._run(session))
        up = asyncio.create_task(session.up.wait())
        await asyncio.wait([running, up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if session.end:
            raise session.end
        return session

    def start(self, coroutine):
        """Run a coroutine in the background."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener):
        while True:
            try:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:        # no more files, for instance
                self.log(f"accept: {error}")
                await asyncio.sleep(0.1)
                continue
            connection = Connection(sock)
            self._strangers.append(self.start(self._admit(connection)))
            if len(self._strangers) > STRANGERS:
                self._strangers.pop(0).cancel()

    async def _admit(self, connection):
        """Authenticate whoever has connected, and serve the session."""
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(UP_TIME):
                connection.secured = await noise.respond(connection, self.keys, self.namespace)
        except (noise.HandshakeFailed, Lost, TimeoutError, asyncio.CancelledError) as error:
            connection.reset()
            self.log(f"handshake: {error or type(error).__name__}")
            return
        finally:
            if task in self._strangers:
                self._strangers.remove(task)
        peer = connection.secured.peer
        if not self.is_trusted(peer):
            await connection.finish(envelopes.bye("refused"))
        elif len(self.sessions.get(peer, [])) >= SESSIONS:
            await connection.finish(envelopes.bye("busy", "too many sessions", 1000))
        else:
            await self._run(Session(self, connection, is_initiator=False))

    async def _run(self, session):
        self.sessions.setdefault(session.peer, []).append(session)
        settling = self.start(self._when_up(session))
        try:
            return await session.run()
        finally:
            settling.cancel()
            self.sessions[session.peer].remove(session)

    # Two sessions with one peer (§7.4).

    async def _when_up(self, new):
        await new.up.wait()
        self.on_session(new)
        for old in self.sessions[new.peer][:]:
            if old is not new and old.up.is_set() and not (old.own_bye or old.peer_bye):
                await self._settle(old, new)

    async def _settle(self, old, new):
        """Decide which of two sessions stays: by the boot rule, or as the arbiter."""
        for _ in range(20):
            if old.hello and new.hello:
                break
            await asyncio.sleep(ARBITER_TIME / 20)
        boots = [session.hello and session.hello.boot for session in (old, new)]
        if boots[0] != boots[1]:
            if await self._answers(old):
                new.stop("conflict")
            else:
                old.stop("unresponsive")
        elif self.keys.public > new.peer:
            return                          # the peer is the arbiter
        elif old.is_initiator == new.is_initiator:
            old.half_close("duplicate")
        else:
            own, others = (new, old) if new.is_initiator else (old, new)
            loser = others if await self._answers(own) else own
            if not (own.end or others.end or own.peer_bye or others.peer_bye):
                loser.half_close("duplicate")

    async def _answers(self, session):
        try:
            await asyncio.wait_for(session.ping(), ARBITER_TIME)
        except Exception:
            return False
        return True

    # Sends of peers: one at a time, in order (§6.5).

    def on_send(self, session, handler, args):
        """Queue a send of the peer; drop it if the queue is full."""
        if session.peer not in self._sends:
            self._sends[session.peer] = deque()
        queue = self._sends[session.peer]
        if (len(queue) >= QUEUED_SENDS
                or sum(len(args) for _, args in queue) + len(args) > QUEUED_SEND_BYTES):
            return
        queue.append((handler, args))
        if len(queue) == 1:
            self.start(self._deliver(session.peer, queue))

    async def _deliver(self, peer, queue):
        while queue:
            handler, args = queue[0]
            receive = self.receivers.get(handler, self.receivers.get("*"))
            try:
                if receive:
                    await receive(peer, handler, envelopes.decode(args))
            except Exception as error:      # a fault of the receiver must not end the session
                self.log(f"a receiver failed: {error!r}")
            queue.popleft()
