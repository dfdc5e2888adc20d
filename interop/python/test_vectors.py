"""Holds this peer to the blocks of docs/wire.md and to the vectors of testdata/vectors.

Run: python3 -m unittest
"""

import asyncio
import json
import pathlib
import re
import time
import unittest
from unittest import mock

import announce
import envelopes
from frames import ProtocolError
from identity import LOW_ORDER_KEYS, KeyPair, check_key, format_key, parse_key
from noise import Cipher, HandshakeFailed, initiate, respond
from parts import Assembly, Flow, Limits, Outbox, parse_part
from session import Hello

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_blocks():
    """Return the named blocks of the page: lists of (bytes, comment), or lines of text."""
    blocks, name, kind = {}, None, None
    for line in (ROOT / "docs/wire.md").read_text(encoding="utf-8").splitlines():
        fence = re.fullmatch(r"```(hex|text) name=([a-z0-9-]+)", line)
        if fence:
            kind, name = fence.groups()
            blocks[name] = []
        elif line == "```":
            name = None
        elif name and kind == "text":
            blocks[name].append(line)
        elif name:
            digits, _, comment = line.partition("#")
            data = b"".join(read_hex(field) for field in digits.split())
            if line.startswith(" ") and data:
                data, blocks[name][-1:] = blocks[name][-1][0] + data, []
            if data:
                blocks[name].append((data, comment.strip()))
    return blocks


def read_hex(field):
    digits, _, count = field.partition("*")
    return bytes.fromhex(digits) * int(count or 1)


BLOCKS = read_blocks()


def joined(name):
    return b"".join(data for data, _ in BLOCKS[name])


def vectors(file):
    return json.loads((ROOT / "testdata/vectors" / file).read_text(encoding="utf-8"))


def data_of(vector, field):
    """Return a field in hex, or what its parts repeat."""
    if field in vector:
        return bytes.fromhex(vector[field])
    return join_parts(vector["parts"])


def join_parts(parts):
    return b"".join(bytes.fromhex(part["hex"]) * part["times"] for part in parts)


def understand(plaintext):
    """Parse an envelope and what it says of the protocol, as a session does."""
    kind, *elements = envelopes.parse(plaintext)
    if kind == envelopes.CALL:
        envelopes.parse_options(elements[3])
    if kind != envelopes.SEND:
        return kind, elements
    handler, args = elements
    readers = {"$/hello": Hello.parse, "$/bye": envelopes.parse_bye, "$/cancel": envelopes.call_id,
               "$/part": parse_part,
               "$/last": lambda args: parse_part(args, is_last=True),
               "$/data": lambda args: envelopes.parse_stream(handler, args),
               "$/credit": lambda args: envelopes.parse_stream(handler, args),
               "$/end": lambda args: envelopes.parse_stream(handler, args)}
    if handler in readers:
        readers[handler](args)
    return kind, elements


class Wire:
    """A connection whose peer's messages are known before."""

    def __init__(self, *bodies):
        self._incoming = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
        self.written = b""

    async def read(self, count):
        data, self._incoming = self._incoming[:count], self._incoming[count:]
        if len(data) < count:
            raise HandshakeFailed("the end")
        return data

    async def write(self, data):
        self.written += data


def framed(*bodies):
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


class Keys(unittest.TestCase):
    def test_text(self):
        keys = [data for data, comment in BLOCKS["inputs"] if "static, public" in comment]
        for key, text in zip(keys, BLOCKS["key-texts"], strict=True):
            self.assertEqual(format_key(key), text)
            for form in (text, text.upper(), key.hex(), key.hex().upper()):
                self.assertEqual(parse_key(form), key)
            for broken in (text[:-1] + "q", text[:20].upper() + text[20:], text[:-1], ""):
                self.assertRaises(ValueError, parse_key, broken)

    def test_refused(self):
        self.assertEqual({data for data, _ in BLOCKS["low-order-keys"]}, LOW_ORDER_KEYS)
        for key in (*LOW_ORDER_KEYS, b"\xff" * 32, bytes(31) + b"\x80", bytes(31)):
            self.assertRaises(ValueError, check_key, key)


class Handshakes(unittest.TestCase):
    def test_whole(self):
        for file in ("noise_xx_native.json", "noise_xx_prologue.json"):
            for vector in vectors(file)["vectors"]:
                with self.subTest(file=file, name=vector["name"]):
                    self._replay(vector)

    def _replay(self, vector):
        def pair(name):
            return KeyPair(bytes.fromhex(vector[name + "_private"]))
        bodies = [bytes.fromhex(message["body"]) for message in vector["messages"]]
        prologue = bytes.fromhex(vector.get("prologue", ""))
        if vector["name"] == "same_static_both_sides":
            for end in (initiate(Wire(bodies[1]), pair("initiator_static"),
                                 pair("responder_static").public, lambda _: True, prologue,
                                 pair("initiator_ephemeral")),
                        respond(Wire(bodies[0], bodies[2]), pair("responder_static"), prologue,
                                pair("responder_ephemeral"))):
                self.assertRaises(HandshakeFailed, asyncio.run, end)
            return
        out, back = Wire(bodies[1]), Wire(bodies[0], bodies[2])
        initiator = asyncio.run(initiate(
            out, pair("initiator_static"), pair("responder_static").public, lambda _: True,
            prologue, pair("initiator_ephemeral")))
        responder = asyncio.run(respond(back, pair("responder_static"), prologue,
                                        pair("responder_ephemeral")))
        self.assertEqual(out.written, framed(bodies[0], bodies[2]))
        self.assertEqual(back.written, framed(bodies[1]))
        self.assertEqual(responder.peer, pair("initiator_static").public)
        for end in (initiator, responder):
            self.assertEqual(end.hash.hex(), vector["handshake_hash"])
        for message in vector["transport"]:
            ends = [initiator, responder]
            sender, receiver = (
                ends if message["direction"] == "initiator_to_responder" else ends[::-1])
            plaintext = bytes.fromhex(message["plaintext"])
            self.assertEqual(sender.send.seal(plaintext).hex(), message["ciphertext"])
            self.assertEqual(receiver.recv.open(bytes.fromhex(message["ciphertext"])), plaintext)

    def test_failures(self):
        for vector in vectors("noise_xx_failures.json")["vectors"]:
            with self.subTest(vector["name"]):
                self._break_off(vector)

    def _break_off(self, vector):
        bodies = [bytes.fromhex(body) for body in vector["messages"]]
        static = KeyPair(bytes.fromhex(vector["static_private"]))
        ephemeral = KeyPair(bytes.fromhex(vector["ephemeral_private"]))
        prologue = bytes.fromhex(vector["prologue"])
        trusted = {bytes.fromhex(key) for key in vector["trusted"]}
        if vector["role"] == "initiator":
            wire = Wire(*bodies[1::2])
            end = initiate(wire, static, bytes.fromhex(vector["expect"]), trusted.__contains__,
                           prologue, ephemeral)
        else:
            end = respond(Wire(*bodies[::2]), static, prologue, ephemeral)
        if vector["error"] == "ErrUntrusted" and vector["role"] == "responder":
            self.assertNotIn(asyncio.run(end).peer, trusted)
            return
        self.assertRaises(HandshakeFailed, asyncio.run, end)
        if vector["role"] == "initiator":
            self.assertEqual(wire.written, framed(bodies[0]))

    def test_first_frames(self):
        for data, comment in BLOCKS["first-frames"]:
            wire = Wire()
            wire._incoming = data
            with self.subTest(comment):
                self.assertRaises(HandshakeFailed, asyncio.run, respond(wire, KeyPair()))
                self.assertEqual(wire.written, b"")

    def test_session_of_the_page(self):
        keys = [data for data, _ in BLOCKS["steps-m3"]][-2:]
        senders = {"->": Cipher(keys[0]), "<-": Cipher(keys[1])}
        for (frame, comment), name in zip(BLOCKS["sealed"], (
                "plain-hello-initiator", "plain-ping", "plain-hello-responder", "plain-pong",
                "plain-call-echo", "plain-reply-echo", "plain-call-options", "plain-call-unknown",
                "plain-reply-error", "plain-send", "plain-cancel", "plain-reply-data",
                "plain-bye", "plain-bye-answer"), strict=True):
            self.assertEqual(framed(senders[comment[:2]].seal(joined(name))), frame)
        refused = Cipher(keys[1]).seal(envelopes.bye("refused"))
        self.assertEqual(framed(refused), joined("sealed-refused"))


class Envelopes(unittest.TestCase):
    def test_built(self):
        for name, built in (
                ("ping", envelopes.ping(b"\0\0\0\1")),
                ("pong", envelopes.pong(b"\0\0\0\1")),
                ("call-echo", envelopes.call(1, "echo", envelopes.encode("hello"))),
                ("reply-echo", envelopes.reply(1, envelopes.encode("hello"))),
                ("reply-error", envelopes.reply(3, error=["no_handler", ""])),
                ("send", envelopes.send("note", envelopes.encode([256, True]))),
                ("reply-data", envelopes.reply(2, error=["cancelled", "stopped", {"done": 40}])),
                ("bye", envelopes.bye("shutdown", "", 5000))):
            self.assertEqual(built, joined("plain-" + name), name)

    def test_built_of_streams(self):
        def told(handler, *args):
            return envelopes.send(handler, envelopes.encode(args))
        whole = envelopes.call(1, "put", envelopes.encode(b"x" * 5000))
        for name, built in (
                ("parts-envelope", whole),
                ("parts-first", told("$/part", 1, whole[:4096], len(whole))),
                ("parts-last", told("$/last", 1, whole[4096:])),
                ("parts-abandon", told("$/last", 1, None)),
                ("stream-call", envelopes.call(5, "repeat", envelopes.NIL, {"s": 262144})),
                ("stream-credit", told("$/credit", 5, False, 65536)),
                ("stream-data-caller", told("$/data", 5, True, "line")),
                ("stream-data-callee", told("$/data", 5, False, "line")),
                ("stream-end", told("$/end", 5, True)),
                ("stream-reply", envelopes.reply(5, envelopes.encode(1)))):
            self.assertEqual(built, joined(name), name)
        assembly = Assembly(Limits())
        assembly.part(envelopes.parse(joined("parts-first"))[2])
        self.assertEqual(assembly.last(envelopes.parse(joined("parts-last"))[2])[0], whole)

    def test_page(self):
        for block in ("accept", "accept-args"):
            for data, comment in BLOCKS[block]:
                with self.subTest(comment):
                    understand(data)
        for block in ("refuse", "refuse-args"):
            for data, comment in BLOCKS[block]:
                with self.subTest(comment):
                    self.assertRaises(ProtocolError, understand, data)

    def test_elements(self):
        head = b"\x93\x02\xa1a\xdd"
        understand(head + (131068).to_bytes(4, "big") + b"\xc0" * 131068)
        self.assertRaises(ProtocolError, understand,
                          head + (131069).to_bytes(4, "big") + b"\xc0" * 131069)

    def test_vectors(self):
        for file in ("envelope_native.json", "streams.json"):
            for vector in vectors(file)["vectors"]:
                with self.subTest(file=file, name=vector["name"]):
                    self._check(vector, data_of(vector, "envelope"))

    def _check(self, vector, data):
        kind, elements = understand(data)
        self.assertEqual(["call", "reply", "send", "ping", "pong"][kind], vector["kind"])
        self.assertRaises(ProtocolError, understand, data + b"\xc0")
        for end in {*range(min(len(data), 100)), len(data) - 1}:
            self.assertRaises(ProtocolError, understand, data[:end])
        if "handler" in vector:
            self.assertEqual(elements[-3 if kind == envelopes.CALL else 0], vector["handler"])
        if "args" in vector:
            self.assertEqual(elements[2 if kind == envelopes.CALL else 1].hex(), vector["args"])
        if "result" in vector:
            self.assertEqual(elements[2].hex(), vector["result"])
        if "error" in vector:
            self.assertEqual(elements[1][0], vector["error"]["code"])

    def test_hostile(self):
        for file in ("envelope_native.json", "streams.json"):
            for vector in vectors(file)["hostile"]:
                with self.subTest(file=file, name=vector["name"]):
                    self.assertRaises(ProtocolError, self._read, vector["layer"],
                                      data_of(vector, "input"))

    def _read(self, layer, data):
        parts = Assembly(Limits(chains=64))
        readers = {"hello": Hello.parse, "bye": envelopes.parse_bye, "cancel": envelopes.call_id,
                   "part": parts.part, "last": parts.last, "head": parts.check_beginning,
                   "data": lambda args: envelopes.parse_stream("$/data", args),
                   "credit": lambda args: envelopes.parse_stream("$/credit", args),
                   "end": lambda args: envelopes.parse_stream("$/end", args)}
        if layer != "envelope":
            envelopes.guard(data) if layer != "head" else None
        readers.get(layer, understand)(data)


class Parts(unittest.TestCase):
    def test_vectors(self):
        for vector in vectors("parts.json")["vectors"]:
            with self.subTest(vector["name"]):
                self._receive(vector)

    def _receive(self, vector):
        assembly = Assembly(Limits(**vector["limits"]))
        now, received, error = time.monotonic(), [], None
        for frame in vector["frames"]:
            now += frame.get("after_ms", 0) / 1000
            with mock.patch("time.monotonic", lambda: now):
                try:
                    received += self._take(assembly, join_parts(frame["parts"]))
                except ProtocolError as failure:
                    error = failure
                    self.assertIs(frame, vector["frames"][-1])
        self.assertEqual(error is not None, "error" in vector, error)
        self.assertEqual(received, [join_parts(parts) for parts in vector["envelopes"]])

    def _take(self, assembly, plaintext):
        assembly.check_silence()
        kind, *elements = envelopes.parse(plaintext)
        if kind == envelopes.SEND and elements[0] == "$/part":
            assembly.part(elements[1])
            return []
        if kind == envelopes.SEND and elements[0] == "$/last":
            joined_envelope = assembly.last(elements[1])
            return [joined_envelope[0]] if joined_envelope else []
        return [plaintext]

    def test_beyond_its_own_limits(self):
        """What an outbox cuts for limits, an assembly of these limits takes."""
        async def cut():
            outbox = Outbox()
            outbox.limits, outbox.parts = Limits(message=1 << 20, assemble=1 << 21, chains=2), True
            sizes = (40_000, 1 << 20, 70_000, 32 << 10, 1)
            flows = [Flow() for _ in sizes]
            for flow, size in zip(flows, sizes):
                head = envelopes.send("x", b"")
                outbox.add(flow, head + b"\xc6" + (size - len(head) - 5).to_bytes(4, "big")
                           + bytes(size - len(head) - 5) if size > 1 else head + b"\xc0")
            assembly, received = Assembly(outbox.limits), []
            while not outbox.is_empty():
                envelope, _ = await outbox.next()
                received += self._take(assembly, envelope)
            return sorted(map(len, received))
        self.assertEqual(asyncio.run(cut()), [5, 32 << 10, 40_000, 70_000, 1 << 20])


class Announces(unittest.TestCase):
    def test_vectors(self):
        self.assertEqual(announce.encode(7100, bytes(range(1, 33))), joined("announce-7100"))
        stricter = {"port_0", "key_all_zero", "key_all_ff", "key_high_bit"}
        for vector in vectors("announce.json")["vectors"]:
            with self.subTest(vector["name"]):
                packet = bytes.fromhex(vector["packet"])
                if vector["verdict"] == "accept" and vector["name"] not in stricter:
                    port, key = announce.decode(packet)
                    self.assertEqual((port, key.hex()), (vector["port"], vector["public_key"]))
                else:
                    self.assertRaises(ValueError, announce.decode, packet)


if __name__ == "__main__":
    unittest.main()
