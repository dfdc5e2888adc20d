%% wire holds the frames, the transport messages and the announces of BEAM nodes: docs/wire.md, "The BEAM dialect".
-module(wire).
-export([frame/1, next/1, wrap/1, unwrap/1, cipher/1, seal/2, open/2, decode/1, announce/2, read_announce/1]).

-define(LIMIT, 1048576).
-define(TAG, 16).

%% frame puts the length before a body. It has no limit, as that node's has none: only the receiver looks.
frame(Body) -> <<(byte_size(Body)):32, Body/binary>>.

%% next takes a frame from the front of the bytes: {ok, Body, Rest}, incomplete, or {error, frame_too_large}.
next(<<Length:32, _/binary>>) when Length > ?LIMIT -> {error, frame_too_large};
next(<<Length:32, Body:Length/binary, Rest/binary>>) -> {ok, Body, Rest};
next(_) -> incomplete.

%% wrap makes the frame of a handshake message, whose body is a term.
wrap(Message) -> frame(term_to_binary(Message)).

%% unwrap takes a handshake message from the front of the bytes, as next does.
unwrap(Bytes) ->
    case next(Bytes) of
        {ok, Body, Rest} ->
            case decode(Body) of
                {ok, Message} when is_binary(Message) -> {ok, Message, Rest};
                _ -> {error, malformed}
            end;
        Other ->
            Other
    end.

%% cipher is the state of one direction: its key, and how many messages it has sealed or opened.
cipher(Key) -> {Key, 0}.

%% seal returns the frame of a message, and the state after it.
seal({Key, Counter}, Plain) ->
    {Cipher, Tag} = crypto:crypto_one_time_aead(chacha20_poly1305, Key, nonce(Counter), Plain, <<>>, ?TAG, true),
    {frame(<<Cipher/binary, Tag/binary>>), {Key, Counter + 1}}.

%% open opens the body of a frame: {ok, Plain, Cipher}, or {error, bad_decrypt}.
open({Key, Counter}, Body) when byte_size(Body) >= ?TAG ->
    Length = byte_size(Body) - ?TAG,
    <<Cipher:Length/binary, Tag:?TAG/binary>> = Body,
    case crypto:crypto_one_time_aead(chacha20_poly1305, Key, nonce(Counter), Cipher, <<>>, Tag, false) of
        error -> {error, bad_decrypt};
        Plain -> {ok, Plain, {Key, Counter + 1}}
    end;
open(_, _) ->
    {error, bad_decrypt}.

nonce(Counter) -> <<0:32, Counter:64/little>>.

%% decode is binary_to_term that makes no atoms and no functions. Bytes after the term are not looked at, as in that node.
decode(Bytes) ->
    try {ok, binary_to_term(Bytes, [safe])}
    catch error:badarg -> {error, invalid_term}
    end.

%% announce is the packet that says where a key listens.
announce(Key, Port) -> <<"PNET", 1, Port:16, Key:32/binary>>.

read_announce(<<"PNET", 1, Port:16, Key:32/binary>>) -> {ok, Key, Port};
read_announce(_) -> error.
