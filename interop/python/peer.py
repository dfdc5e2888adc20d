#!/usr/bin/env python3
"""A peer in Python: peer.py id | listen | dial. README.md says how to use it.

Results and events are JSON, one a line, on standard output.
"""

import argparse
import asyncio
import json
import sys

import script
from frames import Lost
from handlers import HANDLERS
from identity import KeyPair, format_key, parse_key
from node import Node
from noise import HandshakeFailed
from session import CallError, End


def main():
    arguments = parse_arguments()
    keys = KeyPair.load(arguments.identity)
    if arguments.command == "id":
        print(format_key(keys.public))
        return 0
    node = Node(keys, map(parse_key, arguments.trust), HANDLERS, {"*": print_send},
                arguments.namespace.encode(), arguments.name, arguments.version,
                arguments.message)
    node.on_session = print_session
    try:
        return asyncio.run(listen(node, arguments) if arguments.command == "listen"
                           else dial(node, arguments))
    except (HandshakeFailed, CallError, End, Lost, OSError, TimeoutError) as error:
        print(f"peer.py: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse_arguments():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--identity", required=True, metavar="FILE",
                        help="the private key, PEM; made at first use")
    options = argparse.ArgumentParser(add_help=False, parents=[common])
    options.add_argument("--trust", action="append", default=[], metavar="KEY")
    options.add_argument("--namespace", default="")
    options.add_argument("--name", default="", help="what this node calls itself")
    options.add_argument("--version", type=int, choices=(1, 2), default=2, help="of the protocol")
    options.add_argument("--message", type=int, default=1 << 20, metavar="BYTES",
                         help="the longest message to take")
    options.add_argument("--script", action="store_true",
                         help="read commands in JSON from standard input")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("id", parents=[common], help="print the public key")
    listening = commands.add_parser("listen", parents=[options], help="wait for peers")
    listening.add_argument("address", nargs="?", default="127.0.0.1:0", metavar="HOST:PORT")
    dialling = commands.add_parser("dial", parents=[options], help="connect to a peer")
    dialling.add_argument("address", metavar="HOST:PORT")
    dialling.add_argument("key", metavar="KEY", help="of the peer; it is trusted")
    dialling.add_argument("action", nargs="?", choices=("call", "send", "stream", "ping"))
    dialling.add_argument("handler", nargs="?", metavar="NAME")
    dialling.add_argument("args", nargs="?", default="null", metavar="JSON")
    return parser.parse_args()


def split_address(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


async def listen(node, arguments):
    port = await node.listen(*split_address(arguments.address))
    script.output(event="listening", port=port, key=format_key(node.keys.public))
    if arguments.script:
        return await script.run(node)
    await asyncio.Event().wait()


async def dial(node, arguments):
    key = parse_key(arguments.key)
    node.trusted.add(key)
    host, port = split_address(arguments.address)
    session = await node.dial(host, port, key)
    if arguments.script:
        return await script.run(node)
    try:
        await act(session, arguments)
    finally:
        session.half_close()
        await session.ended.wait()
    return 0


async def act(session, arguments):
    args = json.loads(arguments.args)
    if arguments.action == "call":
        script.output(result=await session.call(arguments.handler, args))
    elif arguments.action == "send":
        await session.send(arguments.handler, args)
    elif arguments.action == "ping":
        script.output(milliseconds=1000 * await session.ping())
    elif arguments.action == "stream":
        await stream(session, arguments.handler, args)
    else:
        await session.ended.wait()


async def stream(session, handler, args):
    """Send the values that standard input has, one a line, and print those of the peer."""
    values, reply = session.open(handler, args)

    async def send_lines():
        async for line in script.lines():
            await values.send(json.loads(line))
        await values.end()
    sending = asyncio.create_task(send_lines())
    async for value in values:
        script.output(value=value)
    script.output(result=await reply)
    sending.cancel()


async def print_send(peer, handler, args):
    script.output(event="received", peer=format_key(peer), name=handler, args=args)


def print_session(session):
    script.output(event="connected", peer=format_key(session.peer),
                  role="initiator" if session.is_initiator else "responder")

    async def print_end():
        await session.ended.wait()
        script.output(event="disconnected", peer=format_key(session.peer), reason=session.end.code,
                      text=session.end.text, by_peer=session.end.by_peer)
    session.node.start(print_end())


if __name__ == "__main__":
    sys.exit(main())
