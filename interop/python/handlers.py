"""Handlers to try a peer with."""

import asyncio

from node import stream
from session import CallError


async def echo(_, args):
    """Return what it is called with."""
    return args


async def fail(_, args):
    """Fail with the code, the text and the data that args lists."""
    raise CallError(*args)


async def crash(_, args):
    """Fail as no handler should."""
    raise RuntimeError(f"crash: {args}")


async def wait(_, args):
    """Return after that many seconds."""
    await asyncio.sleep(args)
    return "waited"


async def make(_, count):
    """Return count bytes."""
    return bytes(count)


@stream
async def count(_, args, values):
    """Send the numbers from 1 to args; return how many."""
    for number in range(1, args + 1):
        await values.send(number)
    return args


@stream
async def total(_, args, values):
    """Take numbers, or bytes, until the caller ends them; return the sum, or the length."""
    result = args or 0
    async for value in values:
        result += len(value) if isinstance(value, bytes) else value
    return result


@stream
async def repeat(_, args, values):
    """Send back each value; send args and end this direction when the caller has ended its own."""
    number = 0
    async for value in values:
        await values.send(value)
        number += 1
    if args is not None:
        await values.send(args)
    await values.end()
    return number


@stream
async def deaf(_, args, values):
    """Take no value, for args seconds."""
    await asyncio.sleep(args)
    return "deaf"


@stream
async def refuse(_, args, values):
    """Fail at once."""
    raise CallError("full", "no more streams today")


HANDLERS = {handler.__name__: handler for handler in (
    echo, fail, crash, wait, make, count, total, repeat, deaf, refuse)}
