"""Commands in JSON, one a line, for programs that drive a peer: the tests of this directory.

Each command has a number n; its answer, or its failure, is a line with the same n. All run at
the same time. A value {"bytes": 3} is a bin of three bytes, and is printed so.
"""

import asyncio
import json
import sys
import threading

import hostile
from identity import parse_key
from session import CallError, End


def output(**fields):
    print(json.dumps(fields, default=lambda value: {"bytes": len(value)}
                     if isinstance(value, bytes) else str(value)), flush=True)


async def lines():
    """Give the lines of standard input, which may be a file, a pipe or a terminal."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, None)
    threading.Thread(target=read, daemon=True).start()
    while line := await queue.get():
        yield line


def _plain(value):
    return bytes(value["bytes"]) if isinstance(value, dict) and set(value) == {"bytes"} else value


async def run(node):
    """Carry out commands until standard input ends."""
    script = Script(node)
    async for line in lines():
        command = json.loads(line)
        node.start(script.run(**command))
    for sessions in node.sessions.values():
        for session in sessions:
            session.half_close()
    return 0


class Script:
    """The commands; each is a method."""

    def __init__(self, node):
        self._node, self._streams, self._tasks = node, {}, {}

    async def run(self, n, do, **fields):
        """Carry out one command and print how it ended."""
        self._tasks[n] = asyncio.current_task()
        try:
            output(n=n, result=await getattr(self, do)(**fields))
        except CallError as error:
            output(n=n, error=error.code, text=error.text, data=list(error.data), sent=error.sent)
        except End as error:
            output(n=n, error=error.code, text=error.text, ended=True)
        except StopAsyncIteration:
            output(n=n, error="end")
        except asyncio.CancelledError:
            output(n=n, error="cancelled")
        except Exception as error:
            output(n=n, error="local", text=f"{type(error).__name__}: {error}")

    def _session(self):
        """Return the session that calls use: the newest that is not half-closed."""
        for sessions in self._node.sessions.values():
            for session in reversed(sessions):
                if session.up.is_set() and not (session.own_bye or session.peer_bye):
                    return session
        raise CallError("failed", "not connected", sent=False)

    async def dial(self, host, port, key):
        await self._node.dial(host, port, parse_key(key))

    async def call(self, name, args=None, seconds=None):
        return await self._session().call(name, _plain(args), seconds)

    async def send(self, name, args=None):
        await self._session().send(name, _plain(args))

    async def ping(self):
        return await self._session().ping()

    async def cancel(self, of):
        """Cancel the command of that number."""
        self._tasks[of].cancel()

    async def running(self):
        """Return how many handlers run."""
        return sum(len(session.incoming) for sessions in self._node.sessions.values()
                   for session in sessions)

    async def open(self, stream, name, args=None, window=256 << 10):
        """Open a stream under a name of its own."""
        self._streams[stream] = self._session().open(name, _plain(args), window=window)

    async def put(self, stream, value):
        await self._streams[stream][0].send(_plain(value))

    async def end(self, stream):
        await self._streams[stream][0].end()

    async def take(self, stream, count=1):
        """Return that many values, or all until the end if count is 0."""
        values = self._streams[stream][0]
        if count:
            return [await values.receive() for _ in range(count)]
        return [value async for value in values]

    async def reply(self, stream):
        return await self._streams[stream][1]

    async def give_up(self, stream):
        self._streams[stream][1].cancel()

    async def bye(self, code, oldest=False):
        """End all sessions, or the oldest: half-close with that code."""
        sessions = self._node.sessions[self._session().peer]
        for session in sessions[:1] if oldest else sessions[:]:
            session.half_close(code)

    async def sessions(self):
        """Return how many sessions are open."""
        return sum(map(len, self._node.sessions.values()))

    async def stop(self, code):
        self._session().stop(code)

    async def untrust(self, key):
        self._node.untrust(parse_key(key))

    async def attacks(self):
        """Return the names of all attacks, and of what is ignored."""
        return [list(hostile.ATTACKS), list(hostile.IGNORED)]

    async def attack(self, name):
        await (hostile.ATTACKS | hostile.IGNORED)[name](self._session())
