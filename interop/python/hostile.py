"""What a hostile peer may send, by name. Each attack gets a session that is up.

ATTACKS end the session with the bye "protocol"; what is in IGNORED changes nothing.
"""

import itertools
import os

import envelopes
from envelopes import call, encode, send

ATTACKS, IGNORED = {}, {}

ids = itertools.count(1 << 40)      # of calls: a session never has one twice


def attack(function):
    ATTACKS[function.__name__] = function
    return function


def ignored(function):
    IGNORED[function.__name__] = function
    return function


def part(*args):
    return send("$/part", encode(args))


def last(*args):
    return send("$/last", encode(args))


def inject(session, *plaintexts):
    """Send envelopes as they are."""
    for plaintext in plaintexts:
        session.outbox.control(plaintext)


@attack
async def bad_tag(session):
    """A frame that does not open."""
    await session.connection.write(b"\x00\x00\x00\x20" + os.urandom(32))


@attack
async def short_frame(session):
    await session.connection.write(b"\x00\x00\x00\x03" + b"abc")


@attack
async def huge_frame(session):
    """A header alone: it is refused before the body comes."""
    await session.connection.write(b"\x7f\xff\xff\xff")


@attack
async def empty_frame(session):
    await session.connection.write(bytes(4))


@attack
async def not_an_envelope(session):
    inject(session, encode({"kind": 0}))


@attack
async def deep(session):
    inject(session, send("deep", b"\x91" * 32 + envelopes.NIL))


@attack
async def many_elements(session):
    inject(session, send("many", b"\xdd" + (1 << 30).to_bytes(4, "big")))


@attack
async def same_id(session):
    """Two calls in flight with one id."""
    inject(session, *[call(1 << 40, "wait", encode(5))] * 2)


@attack
async def part_of_no_chain(session):
    inject(session, part(7, bytes(4096)))


@attack
async def last_of_no_chain(session):
    inject(session, last(7, b"x"))


@attack
async def abandon_of_no_chain(session):
    inject(session, last(7, None))


@attack
async def chain_twice(session):
    begin = part(7, call(9, "echo", encode(bytes(9000)))[:4096], 9000)
    inject(session, begin, begin)


@attack
async def further_part_with_total(session):
    """A part with three elements is a first part."""
    whole = call(9, "echo", encode(bytes(9000)))
    inject(session, part(7, whole[:4096], len(whole)), part(7, whole[4096:8192], None))


@attack
async def hello_of_another_type(session):
    """The keys of a hello are checked, whatever its version."""
    inject(session, send("$/hello", encode({"v": 1, "message": "x"})))


@attack
async def part_of_parts(session):
    """A chain whose envelope is a part."""
    inner = part(8, bytes(4096), 9000)
    inject(session, part(7, inner[:4096], len(inner)))


@attack
async def part_of_ping(session):
    inject(session, part(7, b"\x92\x03\xc5\x20\x00" + bytes(8192), 8197))


@attack
async def part_of_bye(session):
    inject(session, part(7, send("$/bye", encode(["idle", "x" * 8000]))[:4096], 8100))


@attack
async def small_part(session):
    inject(session, part(7, call(9, "echo", encode(bytes(9000)))[:4095], 9020))


@attack
async def large_part(session):
    inject(session, part(7, call(9, "echo", encode(bytes(90000)))[:65537], 90020))


@attack
async def total_of_first(session):
    """A first part that is the whole envelope."""
    whole = call(9, "echo", encode(bytes(5000)))
    inject(session, part(7, whole, len(whole)))


@attack
async def part_reaches_total(session):
    whole = call(9, "echo", encode(bytes(8192)))
    inject(session, part(7, whole[:4096], len(whole)), part(7, whole[4096:]))


@attack
async def last_too_early(session):
    whole = call(9, "echo", encode(bytes(9000)))
    inject(session, part(7, whole[:4096], len(whole)), last(7, whole[4096:-1]))


@attack
async def large_total(session):
    begin = call(9, "echo", encode(bytes(9000)))[:4096]
    inject(session, part(7, begin, session.hello.limits.message + 1))


@attack
async def many_chains(session):
    for number in range(session.hello.limits.chains + 1):
        begin = call(number + 1, "echo", encode(bytes(9000)))[:4096]
        inject(session, part(number + 1, begin, 9020))


@attack
async def many_totals(session):
    limits = session.hello.limits
    for number in range(limits.assemble // limits.message + 1):
        begin = call(number + 1, "echo", encode(bytes(9000)))[:4096]
        inject(session, part(number + 1, begin, limits.message))


def _call_stream(session, handler, window=1000):
    """Call a handler with the option s, and nothing else."""
    inject(session, call(1 << 40, handler, encode(30), {"s": window}))


async def _open(session, handler):
    """Open a stream and wait until its handler has begun; return its id."""
    values, _ = session.open(handler, None if handler == "repeat" else 30)
    await values.until_begun()
    return session.last_number


@attack
async def data_before_credit(session):
    """A value for a handler that makes no streams, and so never gives credit."""
    _call_stream(session, "wait")
    inject(session, send("$/data", encode([1 << 40, True, 1])))


@attack
async def data_beyond_credit(session):
    number = await _open(session, "deaf")
    for _ in range(10):     # of a window of 256 KiB
        inject(session, send("$/data", encode([number, True, bytes(32000)])))


@attack
async def credit_beyond_bound(session):
    number = await _open(session, "deaf")
    inject(session, send("$/credit", encode([number, True, 2**31 - 1])))


@attack
async def credit_too_large(session):
    inject(session, send("$/credit", encode([1, True, 2**31])))


@attack
async def window_too_large(session):
    _call_stream(session, "deaf", 2**31)


@attack
async def data_after_end(session):
    number = await _open(session, "deaf")
    inject(session, send("$/end", encode([number, True])),
           send("$/data", encode([number, True, 1])))


@attack
async def end_twice(session):
    number = await _open(session, "deaf")
    inject(session, *[send("$/end", encode([number, True]))] * 2)


@attack
async def data_of_four(session):
    inject(session, send("$/data", encode([1, True, 1, 1])))


@attack
async def mine_is_a_number(session):
    inject(session, send("$/end", encode([1, 1])))


@ignored
async def unknown_stream(session):
    inject(session, *[send(handler, encode([1 << 41, mine, *more]))
                      for mine in (True, False)
                      for handler, more in (("$/data", [1]), ("$/credit", [1]), ("$/end", []))])


@ignored
async def unknown_reply(session):
    inject(session, envelopes.reply(1 << 41, encode("late")))


@ignored
async def unknown_cancel(session):
    inject(session, send("$/cancel", encode(1 << 41)))


@ignored
async def unknown_name(session):
    inject(session, send("$/later", encode({"x": [1]})))


@ignored
async def unknown_pong(session):
    inject(session, envelopes.pong(b"nobody waits"))


@ignored
async def data_of_a_call(session):
    """A value for a call that is no stream."""
    number = next(ids)
    inject(session, call(number, "wait", encode(3600)),
           send("$/data", encode([number, True, 1])), send("$/cancel", encode(number)))


@ignored
async def cancel_at_once(session):
    """The cancel is there before the handler can have begun."""
    number = next(ids)
    inject(session, call(number, "wait", encode(3600)), send("$/cancel", encode(number)))


@ignored
async def second_hello(session):
    inject(session, session.node.hello(session.peer))


@ignored
async def end_before_credit(session):
    """A caller that sends no values may say so at once."""
    number = next(ids)
    inject(session, call(number, "count", encode(3), {"s": 1000}),
           send("$/end", encode([number, True])))


@ignored
async def cancel_within_a_chain(session):
    """A stream is given up while a value of it travels in parts."""
    number = await _open(session, "repeat")
    value = send("$/data", encode([number, True, bytes(9000)]))
    inject(session, part(7, value[:4096], len(value)), send("$/cancel", encode(number)),
           last(7, value[4096:]))


@ignored
async def chain_again(session):
    """A chain that is abandoned, and then another one of the same number."""
    number = next(ids)
    whole = call(number, "echo", encode(bytes(9000)))
    begin = part(7, whole[:4096], len(whole))
    inject(session, begin, last(7, None), begin, last(7, whole[4096:], "ignored"))


@ignored
async def names_that_are_not_utf8(session):
    """Keys of options that are str, but no text."""
    number = next(ids)
    inject(session, envelopes.call(number, "echo", envelopes.NIL)[:-1].replace(b"\x94", b"\x95", 1)
           + envelopes.NIL + b"\x82\xa1\xff\xc0\xa1\xfe\xc0")
