%% announces sends and hears the 39-byte packets that say where a key listens.
-module(announces).
-export([start/6]).

%% start announces Key at Listening to Address:Port each time that so many milliseconds have passed, and tells the node what is
%% heard on Port.
start(Node, Address, Port, Every, Key, Listening) ->
    spawn_link(fun() ->
        {ok, Socket} = gen_udp:open(Port, [binary, {active, true}, {broadcast, true}, {reuseaddr, true}]),
        loop(Node, Socket, {Address, Port, Every, wire:announce(Key, Listening)})
    end).

loop(Node, Socket, {Address, Port, Every, Packet} = Announce) ->
    due = listen(Node, Socket, erlang:monotonic_time(millisecond) + Every),
    _ = gen_udp:send(Socket, Address, Port, Packet),
    loop(Node, Socket, Announce).

listen(Node, Socket, Due) ->
    receive
        {udp, Socket, From, _, Bytes} ->
            case wire:read_announce(Bytes) of
                {ok, Key, Port} -> Node ! {heard, Key, From, Port};
                error -> ok
            end,
            listen(Node, Socket, Due)
    after max(0, Due - erlang:monotonic_time(millisecond)) -> due
    end.
