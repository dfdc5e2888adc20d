%% replay computes what the test vectors hold, from their inputs. Bytes come and go as hexadecimal digits.
-module(replay).
-export([handshake/4, transport/2, term/2, safe/1]).

%% handshake runs both ends with these private keys: the frames of the three messages, the handshake hash at each end, and the keys
%% of both directions at each end.
handshake(InitiatorStatic, InitiatorEphemeral, ResponderStatic, ResponderEphemeral) ->
    I0 = noise:ephemeral(noise:initiator(pair(InitiatorStatic)), pair(InitiatorEphemeral)),
    R0 = noise:ephemeral(noise:responder(pair(ResponderStatic)), pair(ResponderEphemeral)),
    {M1, I1} = noise:write(I0),
    {ok, R1} = noise:read(R0, M1),
    {M2, R2} = noise:write(R1),
    {ok, I2} = noise:read(I1, M2),
    {M3, I3} = noise:write(I2),
    {ok, R3} = noise:read(R2, M3),
    {ToResponder, ToInitiator} = noise:split(I3),
    {ToInitiator, ToResponder} = noise:split(R3),
    {PublicI, _} = pair(InitiatorStatic),
    {PublicR, _} = pair(ResponderStatic),
    PublicI = noise:remote(R3),
    PublicR = noise:remote(I3),
    Hash = noise:hash(I3),
    Hash = noise:hash(R3),
    [lines:hex(B) || B <- [wire:wrap(M1), wire:wrap(M2), wire:wrap(M3), Hash, ToResponder, ToInitiator]].

pair(Private) -> crypto:generate_key(ecdh, x25519, lines:bytes(Private)).

%% transport returns the frames of these messages, in order, under the key of a direction. It opens each again.
transport(Key, Plains) ->
    Cipher = wire:cipher(lines:bytes(Key)),
    {Frames, _} = lists:mapfoldl(fun(Hex, {Send, Recv}) ->
        Plain = lines:bytes(Hex),
        {Frame, Sent} = wire:seal(Send, Plain),
        {ok, Body, <<>>} = wire:next(Frame),
        {ok, Plain, Received} = wire:open(Recv, Body),
        {lines:hex(Frame), {Sent, Received}}
    end, {Cipher, Cipher}, Plains),
    Frames.

%% term says whether the bytes are the term, to the last bit, and what they are encoded again.
term(Hex, Term) ->
    case wire:decode(lines:bytes(Hex)) of
        {ok, Decoded} -> {Decoded =:= Term, lines:hex(term_to_binary(Decoded))};
        {error, Reason} -> {error, Reason}
    end.

%% safe says what a decoder that makes no atoms does with the bytes.
safe(Hex) ->
    case wire:decode(lines:bytes(Hex)) of
        {ok, _} -> accepts;
        {error, _} -> refuses
    end.
