%% announces sends and hears the 39-byte packets that say where a key listens.
-module(announces).
-export([start/6]).

%% start announces Key at Listening to Address:Port now and after every so many milliseconds, and tells the node what is heard on Port.
start(Node, Address, Port, Every, Key, Listening) ->
    spawn_link(fun() ->
        {ok, Socket} = gen_udp:open(Port, [binary, {active, true}, {broadcast, true}, {reuseaddr, true}]),
        loop(Node, Socket, {Address, Port, Every, wire:announce(Key, Listening)}, 0)
    end).

loop(Node, Socket, {Address, Port, Every, Packet} = Announce, Wait) ->
    Due = erlang:monotonic_time(millisecond) + Wait,
    case listen(Node, Socket, Due) of
        due ->
            _ = gen_udp:send(Socket, Address, Port, Packet),
            loop(Node, Socket, Announce, Every)
    end.

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
