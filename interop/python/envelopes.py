"""Envelopes (wire.md §6.1 to §6.9): the guard, and what a message may look like.

Values stay encoded, as the bytes of the wire, until somebody needs them: decode and
encode convert them. Whatever breaks a rule raises ProtocolError.
"""

import unicodedata

import msgpack

from frames import ProtocolError

CALL, REPLY, SEND, PING, PONG = range(5)
LARGEST_ID = 2**64 - 1
LARGEST_CREDIT = 2**31 - 1
MAX_DEPTH = 32
MAX_ELEMENTS = 131_072
MAX_PAIRS = 32
MAX_TEXT = 1024
MAX_RETRY_MS = 600_000
MAX_DEADLINE_MS = 86_400_000
NIL = b"\xc0"

FIXED = {0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8,
         0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8}
SIZED = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4}
COUNTED = {0xdc: (2, 1), 0xdd: (4, 1), 0xde: (2, 2), 0xdf: (4, 2)}
TIMESTAMPS = {b"\xd6\xff": 4, b"\xd7\xff": 8, b"\xc7\x0c": 13}


def guard(data):
    """Check that data is exactly one value (§6.1); if it is an array or a map, return
    the positions where its elements begin, and the end.
    """
    starts, elements, at, pending = [], 1, 0, [1]
    while pending:
        if not pending[-1]:
            pending.pop()
            continue
        pending[-1] -= 1
        if len(pending) == 2:
            starts.append(at)
        at, count = header(data, at)
        if at > len(data):
            raise ProtocolError("a value is cut short")
        if count is None:
            continue
        if len(pending) > MAX_DEPTH:
            raise ProtocolError("values nest too deep")
        elements += count
        if count > len(data) - at or elements > MAX_ELEMENTS:
            raise ProtocolError("too many elements")
        pending.append(count)
    if at != len(data):
        raise ProtocolError("bytes after the value")
    return starts + [at]


def header(data, at):
    """Return where the value at a position ends, or its elements begin; and their number, if
    it is an array or a map. The end may be beyond that of data.
    """
    first = data[at] if at < len(data) else 0
    if first <= 0x7f or first >= 0xe0:
        return at + 1, None
    if first <= 0x9f:
        return at + 1, (first & 15) * (2 if first <= 0x8f else 1)
    if first <= 0xbf:
        return at + 1 + (first & 31), None
    if first in FIXED:
        return at + 1 + FIXED[first], None
    if first in SIZED:
        after = at + 1 + SIZED[first]
        return after + int.from_bytes(data[at + 1:after], "big"), None
    if first in COUNTED:
        width, each = COUNTED[first]
        return at + 1 + width, int.from_bytes(data[at + 1:at + 1 + width], "big") * each
    return _timestamp(data, at), None


def _timestamp(data, at):
    size = TIMESTAMPS.get(data[at:at + 2])
    if not size or size == 13 and data[at + 2:at + 3] != b"\xff":
        raise ProtocolError(f"a value begins with {data[at:at + 3].hex()}")
    first = int.from_bytes(data[at + 2:at + 10], "big") >> 34 if size == 8 else 0
    if (int.from_bytes(data[at + 3:at + 7], "big") if size == 13 else first) >= 10**9:
        raise ProtocolError("a timestamp of a billion nanoseconds or more")
    return at + 2 + size


_packer = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape")


def encode(value):
    """Return the msgpack of a Python value: bytes is bin, str is str."""
    return _packer.pack(value)


def decode(data, pairs=False):
    """Return the Python value of guarded msgpack; maps as lists of pairs if pairs is true.

    ValueError if Python has no such value: a map whose key is a list or a map.
    """
    try:
        return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape",
                               object_pairs_hook=list if pairs else None)
    except TypeError as error:
        raise ValueError(str(error)) from None


def decode_any(data):
    """Return the Python value, with maps as lists of pairs if they cannot be dicts."""
    try:
        return decode(data)
    except ValueError:
        return decode(data, pairs=True)


def is_array(data):
    return data[0] & 0xf0 == 0x90 or data[0] in (0xdc, 0xdd)


def array(data, least=0, most=None):
    """Return the elements of an array as bytes; ProtocolError if it is none of that length."""
    starts = guard(data)
    if not is_array(data):
        raise ProtocolError("not an array")
    if not least <= len(starts) - 1 <= (least if most is None else most):
        raise ProtocolError(f"an array of {len(starts) - 1}")
    return [data[start:end] for start, end in zip(starts, starts[1:])]


def integer(data, least, most, cap=False):
    """Return an integer from least to most; if cap is true, larger ones count as most."""
    value = decode(data, pairs=True)
    if type(value) is not int or value < least or value > most and not cap:
        raise ProtocolError("not an integer, or one out of range")
    return min(value, most)


def binary(data, least, most):
    value = decode(data, pairs=True)
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        raise ProtocolError(f"not a bin of {least} to {most} bytes")
    return value


def text(data, most=None):
    """Return a str; bytes that are not UTF-8 are surrogates in it. most is in bytes."""
    value = decode(data, pairs=True)
    if not isinstance(value, str):
        raise ProtocolError("not a str")
    if most is not None and len(value.encode(errors="surrogateescape")) > most:
        raise ProtocolError("a str that is too long")
    return value


def code(data):
    """Return a code: 1 to 64 printable characters of ASCII (§6.2)."""
    value = text(data, 64)
    if not value or not all("!" <= letter <= "~" for letter in value):
        raise ProtocolError("not a code")
    return value


def name(data):
    """Return the name of a call or a send (§6.2)."""
    value = decode(data, pairs=True)
    try:
        length = len(value.encode())
    except (AttributeError, UnicodeEncodeError):
        raise ProtocolError("not a name") from None
    if not 1 <= length <= 255 or any(unicodedata.category(c) == "Cc" for c in value):
        raise ProtocolError("not a name")
    return value


def boolean(data):
    if data not in (b"\xc2", b"\xc3"):
        raise ProtocolError("not a boolean")
    return data == b"\xc3"


def mapping(data):
    """Return a map that the protocol reads, as keys and encoded values (§6.2)."""
    starts = guard(data)
    if data[0] & 0xf0 != 0x80 and data[0] not in (0xde, 0xdf):
        raise ProtocolError("not a map")
    parts = [data[start:end] for start, end in zip(starts, starts[1:])]
    keys = [text(key) for key in parts[::2]]
    if len(keys) > MAX_PAIRS or len(set(keys)) < len(keys):
        raise ProtocolError("too many keys, or one twice")
    return dict(zip(keys, parts[1::2]))


def parse(plaintext):
    """Return an envelope as a list: its kind, then its elements, each checked.

    Args, results and options stay encoded; a reply has error as None or a list.
    """
    if not plaintext:
        raise ProtocolError("an empty message")
    elements = array(plaintext, 1, 5)
    kind = integer(elements[0], CALL, PONG)
    check_length(kind, len(elements))
    if kind == CALL:
        options = mapping(elements[4]) if len(elements) == 5 else {}
        return [kind, call_id(elements[1]), name(elements[2]), elements[3], options]
    if kind == REPLY:
        return [kind, call_id(elements[1]), *_reply(elements[2], elements[3])]
    if kind == SEND:
        return [kind, name(elements[1]), elements[2]]
    return [kind, binary(elements[1], 1, 64)]


def check_length(kind, count):
    """Check how many elements an envelope has."""
    if count not in {CALL: (4, 5), REPLY: (4,), SEND: (3,)}.get(kind, (2,)):
        raise ProtocolError(f"an envelope of kind {kind} with {count} elements")


def call_id(data):
    return integer(data, 1, LARGEST_ID)


def _reply(error, result):
    if error == NIL:
        return None, result
    error = array(error, 2, 3)
    if result != NIL:
        raise ProtocolError("a reply with an error and a result")
    return [code(error[0]), text(error[1])[:MAX_TEXT], *error[2:]], result


def cut(words):
    """Return a text cut to what an error or a bye may have, at a character."""
    return words.encode(errors="replace")[:MAX_TEXT].decode(errors="ignore")


def call(number, handler, args, options=None):
    head = b"\x95\x00" if options else b"\x94\x00"
    return head + encode(number) + encode(handler) + args + (encode(options) if options else b"")


def reply(number, result=NIL, error=None):
    """Build a reply; error is a list of code, text and, if there is any, data."""
    return b"\x94\x01" + encode(number) + encode(error) + result


def send(handler, args):
    return b"\x93\x02" + encode(handler) + args


def ping(nonce):
    return encode([PING, nonce])


def pong(nonce):
    return encode([PONG, nonce])


def bye(reason, words="", retry_ms=0):
    return send("$/bye", encode([reason, cut(words), retry_ms]))


def parse_bye(args):
    """Return code, text and the time to wait in milliseconds (§6.8)."""
    elements = array(args, 1, MAX_ELEMENTS)
    return (code(elements[0]),
            text(elements[1])[:MAX_TEXT] if len(elements) > 1 else "",
            integer(elements[2], 0, MAX_RETRY_MS, cap=True) if len(elements) > 2 else 0)


def parse_options(options):
    """Return the options t, in milliseconds, and s of a call (§6.3); None where one is absent."""
    milliseconds = window = None
    if "t" in options:
        milliseconds = integer(options["t"], 0, MAX_DEADLINE_MS, cap=True)
    trace = text(options["trace"], 256) if "trace" in options else ""
    if not all(" " <= letter <= "~" for letter in trace):
        raise ProtocolError("a trace that is not printable ASCII")
    if "s" in options:
        window = integer(options["s"], 0, LARGEST_CREDIT)
    return milliseconds, window


def parse_stream(handler, args):
    """Return the id, whether the sender made the call, and the encoded value or the credit that
    a message about a stream carries (§6.11).
    """
    elements = array(args, 2 if handler == "$/end" else 3)
    value = elements[2] if handler == "$/data" else None
    number, by_caller = call_id(elements[0]), boolean(elements[1])
    if handler == "$/credit":
        value = integer(elements[2], 0, LARGEST_CREDIT)
    return number, by_caller, value
