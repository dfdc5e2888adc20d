%% connection is the process of one connection. It speaks as PeerNet's does (docs/wire.md, "The BEAM dialect"):
%%   - it asks for one packet at a time, and what follows the last message of the handshake in the same packet waits until the next
%%     packet comes;
%%   - a handler runs in this process, so nothing is read, answered or ponged until it returns;
%%   - a term that binary_to_term refuses, or an envelope of another shape, ends the connection without a word;
%%   - whoever registers a key last has it, and the connection before is told to go.
-module(connection).
-export([start/4, call/4, send/3, ping/2, raw/2, frame/2, close/1]).

-record(connection, {node, socket, noise, send, recv, phase, buffer = <<>>, pending = #{}}).

%% start makes the process of a connection, which waits for its socket. Role is initiator or responder; Trusted is the keys that
%% the node trusts now.
start(Node, Role, Static, Trusted) ->
    spawn_link(fun() ->
        receive
            {socket, Socket} -> handshake(Node, Role, Static, Trusted, Socket);
            stop -> exit(normal)
        end
    end).

call(Pid, Reference, Name, Args) -> Pid ! {call, Reference, Name, Args}.
send(Pid, Name, Args) -> Pid ! {send, Name, Args}.
ping(Pid, Nonce) -> Pid ! {ping, Nonce}.
raw(Pid, Plain) -> Pid ! {raw, Plain}.
frame(Pid, Bytes) -> Pid ! {frame, Bytes}.
close(Pid) -> Pid ! superseded.

handshake(Node, Role, Static, Trusted, Socket) ->
    C = #connection{node = Node, socket = Socket, phase = {Role, Trusted}},
    case Role of
        initiator ->
            {Message, Noise} = noise:write(noise:initiator(Static)),
            transmit(C, wire:wrap(Message)),
            loop(ask(C#connection{noise = Noise}));
        responder ->
            loop(ask(C#connection{noise = noise:responder(Static)}))
    end.

%% ask lets the socket deliver one packet more.
ask(#connection{socket = Socket} = C) ->
    case inet:setopts(Socket, [{active, once}]) of
        ok -> C;
        {error, _} -> self() ! {tcp_closed, Socket}, C
    end.

loop(#connection{socket = Socket, phase = Phase} = C) ->
    receive
        {tcp, Socket, Bytes} -> loop(arrived(C#connection{buffer = <<(C#connection.buffer)/binary, Bytes/binary>>}));
        {tcp_closed, Socket} -> stop(C, connection_closed);
        {tcp_error, Socket, Reason} -> stop(C, {tcp_error, Reason});
        superseded -> stop(C, superseded);
        {call, Reference, _, _} when Phase =/= open ->
            report(C, {result, Reference, {error, not_authenticated}}),
            loop(C);
        {call, Reference, Name, Args} ->
            Id = rand:uniform(16#FFFFFFFFFFFFFFFF),
            Sent = write(C, {call, Id, Name, Args}),
            loop(Sent#connection{pending = (Sent#connection.pending)#{Id => Reference}});
        {send, Name, Args} when Phase =:= open -> loop(write(C, {send, Name, Args}));
        {ping, Nonce} when Phase =:= open -> loop(write(C, {ping, Nonce}));
        {raw, Plain} when Phase =:= open -> loop(seal(C, Plain));
        {frame, Bytes} -> transmit(C, Bytes), loop(C);
        _ -> loop(C)
    end.

%% arrived takes what the buffer holds, and asks for more. During the handshake it takes one message.
arrived(#connection{phase = open} = C) ->
    case wire:next(C#connection.buffer) of
        incomplete -> ask(C);
        {error, Reason} -> stop(C, Reason);
        {ok, Body, Rest} -> arrived(opened(C#connection{buffer = Rest}, Body))
    end;
arrived(C) ->
    case wire:unwrap(C#connection.buffer) of
        incomplete -> ask(C);
        {error, Reason} -> stop(C, Reason);
        {ok, Message, Rest} -> ask(step(C#connection{buffer = Rest}, Message))
    end.

step(#connection{phase = {Role, Trusted}} = C, Message) ->
    case noise:read(C#connection.noise, Message) of
        {error, Reason} ->
            stop(C, Reason);
        {ok, Noise} ->
            Remote = noise:remote(Noise),
            case Remote =:= undefined orelse lists:member(Remote, Trusted) of
                false -> stop(C, untrusted_peer);
                true when Role =:= responder, Remote =/= undefined -> established(C#connection{noise = Noise});
                true ->
                    {Answer, After} = noise:write(Noise),
                    transmit(C, wire:wrap(Answer)),
                    case Role of
                        initiator -> established(C#connection{noise = After});
                        responder -> C#connection{noise = After}
                    end
            end
    end.

established(#connection{node = Node, noise = Noise, phase = {Role, _}} = C) ->
    {Send, Recv} = noise:split(Noise),
    Node ! {register, noise:remote(Noise), self(), Role},
    receive registered -> ok end,
    C#connection{send = wire:cipher(Send), recv = wire:cipher(Recv), phase = open}.

opened(C, Body) ->
    case wire:open(C#connection.recv, Body) of
        {error, Reason} ->
            stop(C, Reason);
        {ok, Plain, Recv} ->
            case wire:decode(Plain) of
                {error, Reason} -> stop(C, Reason);
                {ok, Envelope} -> dispatch(C#connection{recv = Recv}, Envelope)
            end
    end.

dispatch(C, {call, Id, Name, Args}) when is_atom(Name) ->
    write(C, {reply, Id, run(C, call, Name, Args)});
dispatch(C, {send, Name, Args}) when is_atom(Name) ->
    run(C, send, Name, Args),
    C;
dispatch(C, {reply, Id, Result}) ->
    case maps:take(Id, C#connection.pending) of
        error -> C; % late
        {Reference, Pending} ->
            report(C, {result, Reference, Result}),
            C#connection{pending = Pending}
    end;
dispatch(C, {ping, Nonce}) when is_binary(Nonce) ->
    write(C, {pong, Nonce});
dispatch(C, {pong, Nonce}) when is_binary(Nonce) ->
    report(C, {pong, remote(C), Nonce}),
    C;
dispatch(C, _) ->
    stop(C, unknown_envelope).

%% run runs a handler in this process. What it returns, {error, _} too, is a result; what it raises is an error.
run(C, Kind, Name, Args) ->
    case handlers:find(Name) of
        error ->
            {error, no_such_handle};
        {ok, Handler} ->
            report(C, {Kind, Name, Args}),
            handlers:run(Handler, remote(C), Args)
    end.

%% remote is the peer's key, none before it is read.
remote(#connection{noise = undefined}) -> none;
remote(#connection{noise = Noise}) ->
    case noise:remote(Noise) of
        undefined -> none;
        Key -> Key
    end.

write(C, Envelope) -> seal(C, term_to_binary(Envelope)).

seal(C, Plain) ->
    {Frame, Send} = wire:seal(C#connection.send, Plain),
    transmit(C, Frame),
    C#connection{send = Send}.

transmit(C, Bytes) ->
    case gen_tcp:send(C#connection.socket, Bytes) of
        ok -> ok;
        {error, Reason} -> stop(C, {transport_lost, Reason})
    end.

report(#connection{node = Node}, Event) -> Node ! {event, Event}.

%% stop ends the process; the calls in flight fail.
stop(C, Reason) ->
    [report(C, {result, Reference, {error, Reason}}) || Reference <- maps:values(C#connection.pending)],
    gen_tcp:close(C#connection.socket),
    exit({closed, remote(C), Reason}).
