%% noise is the handshake of BEAM nodes: Noise XX with X25519, ChaCha20-Poly1305 and SHA-256, empty payloads, and one rule that
%% differs from the specification: a hash is never mixed with zero bytes. See docs/wire.md, "The BEAM dialect". It does no I/O.
-module(noise).
-export([initiator/1, responder/1, ephemeral/2, write/1, read/2, remote/1, hash/1, split/1]).

-record(noise, {
    role, static, ephemeral, remote_ephemeral, remote,
    hash, chaining, key = none, counter = 0
}).

-define(NAME, <<"Noise_XX_25519_ChaChaPoly_SHA256">>).
-define(TAG, 16).

%% initiator and responder start one end of a handshake; the argument is its static key pair, {Public, Private}.
initiator(Static) -> start(initiator, Static).
responder(Static) -> start(responder, Static).

start(Role, Static) ->
    #noise{role = Role, static = Static, ephemeral = crypto:generate_key(ecdh, x25519), hash = ?NAME, chaining = ?NAME}.

%% ephemeral replaces the fresh ephemeral key pair, so that vectors replay.
ephemeral(State, Pair) -> State#noise{ephemeral = Pair}.

%% remote is the peer's static key: proved, if read and write have succeeded up to the end.
remote(#noise{remote = Key}) -> Key.

hash(#noise{hash = Hash}) -> Hash.

%% write returns the body of the next message of this end, and the state after it.
write(#noise{role = initiator, remote_ephemeral = undefined} = S) -> % -> e
    {Public, _} = S#noise.ephemeral,
    {Public, mix_hash(S, Public)};
write(#noise{role = responder} = S0) -> % <- e, ee, s, es
    {Public, Private} = S0#noise.ephemeral,
    {StaticPublic, StaticPrivate} = S0#noise.static,
    Remote = S0#noise.remote_ephemeral,
    S1 = mix_dh(mix_hash(S0, Public), Private, Remote),
    {Static, S2} = encrypt(S1, StaticPublic),
    {Tag, S3} = encrypt(mix_dh(S2, StaticPrivate, Remote), <<>>),
    {<<Public/binary, Static/binary, Tag/binary>>, S3};
write(#noise{role = initiator} = S0) -> % -> s, se
    {StaticPublic, StaticPrivate} = S0#noise.static,
    {Static, S1} = encrypt(S0, StaticPublic),
    {Tag, S2} = encrypt(mix_dh(S1, StaticPrivate, S0#noise.remote_ephemeral), <<>>),
    {<<Static/binary, Tag/binary>>, S2}.

%% read takes the body of the peer's next message. The error is malformed or bad_decrypt.
read(#noise{role = responder, remote_ephemeral = undefined} = S, <<E:32/binary>>) ->
    {ok, (mix_hash(S, E))#noise{remote_ephemeral = E}};
read(#noise{role = initiator} = S0, <<E:32/binary, Static:48/binary, Tag:16/binary>>) ->
    {_, Private} = S0#noise.ephemeral,
    S1 = mix_dh((mix_hash(S0, E))#noise{remote_ephemeral = E}, Private, E),
    read_static(S1, Private, Static, Tag);
read(#noise{role = responder} = S, <<Static:48/binary, Tag:16/binary>>) ->
    {_, Private} = S#noise.ephemeral,
    read_static(S, Private, Static, Tag);
read(_, _) ->
    {error, malformed}.

read_static(S0, Private, Static, Tag) ->
    case decrypt(S0, Static) of
        {Key, S1} ->
            case decrypt(mix_dh(S1, Private, Key), Tag) of
                {<<>>, S2} -> {ok, S2#noise{remote = Key}};
                error -> {error, bad_decrypt}
            end;
        error ->
            {error, bad_decrypt}
    end.

%% split returns the keys to send and to receive with.
split(#noise{role = Role, chaining = Chaining}) ->
    {First, Second} = hkdf(Chaining, <<>>),
    case Role of
        initiator -> {First, Second};
        responder -> {Second, First}
    end.

mix_hash(S, Data) when Data =/= <<>> ->
    S#noise{hash = crypto:hash(sha256, <<(S#noise.hash)/binary, Data/binary>>)}.

mix_dh(S, Private, Public) ->
    {Chaining, Key} = hkdf(S#noise.chaining, crypto:compute_key(ecdh, Public, Private, x25519)),
    S#noise{chaining = Chaining, key = Key, counter = 0}.

encrypt(S, Plain) ->
    {Cipher, Tag} = crypto:crypto_one_time_aead(chacha20_poly1305, S#noise.key, nonce(S), Plain, S#noise.hash, ?TAG, true),
    Sealed = <<Cipher/binary, Tag/binary>>,
    {Sealed, mix_hash(S#noise{counter = S#noise.counter + 1}, Sealed)}.

decrypt(S, Sealed) ->
    Length = byte_size(Sealed) - ?TAG,
    <<Cipher:Length/binary, Tag:?TAG/binary>> = Sealed,
    case crypto:crypto_one_time_aead(chacha20_poly1305, S#noise.key, nonce(S), Cipher, S#noise.hash, Tag, false) of
        error -> error;
        Plain -> {Plain, mix_hash(S#noise{counter = S#noise.counter + 1}, Sealed)}
    end.

nonce(#noise{counter = Counter}) -> <<0:32, Counter:64/little>>.

hkdf(Salt, Input) ->
    Temporary = crypto:mac(hmac, sha256, Salt, Input),
    First = crypto:mac(hmac, sha256, Temporary, <<1>>),
    {First, crypto:mac(hmac, sha256, Temporary, <<First/binary, 2>>)}.
