%% lines runs a node for a test. Each line on stdin is a command, each line on stdout an event; both are Erlang terms, commands
%% without a dot at the end. Keys are strings of 64 hexadecimal digits. README.md lists them all.
-module(lines).
-export([main/0, hex/1, bytes/1]).

%% main runs until stdin ends, quit, or the node gives up: the exit status then is 3.
main() ->
    ok = io:setopts([{encoding, unicode}]),
    handlers:start(),
    Self = self(),
    spawn_link(fun() -> read(Self) end),
    loop(#{static => crypto:generate_key(ecdh, x25519), node => none}).

read(Main) ->
    case io:get_line("") of
        eof -> Main ! quit;
        {error, _} -> Main ! quit;
        Line -> Main ! {line, Line}, read(Main)
    end.

loop(S) ->
    receive
        {line, Line} -> loop(line(S, Line));
        {event, Event} -> print(Event), loop(S);
        {'EXIT', _, gave_up} -> give_up();
        {'EXIT', Node, killed} when Node =/= map_get(node, S) -> loop(S); % an earlier node, restarted
        {'EXIT', _, Reason} -> print({failed, Reason}), halt(1);
        quit -> halt(0)
    end.

%% give_up ends the program as that node's supervisor ends: everything with it.
give_up() ->
    io:format(standard_error, "four connections have ended within 5 s: the supervisor of a BEAM node gives up~n", []),
    halt(3).

line(S, Line) ->
    case erl_scan:string(Line ++ ".") of
        {ok, Tokens, _} ->
            case erl_parse:parse_term(Tokens) of
                {ok, Command} -> command(S, Command);
                Wrong -> print({bad_line, Line, Wrong}), S
            end;
        Wrong -> print({bad_line, Line, Wrong}), S
    end.

command(S, {key, Private}) ->
    S#{static := crypto:generate_key(ecdh, x25519, bytes(Private))};
command(#{static := {Public, _}} = S, start) ->
    process_flag(trap_exit, true),
    {ok, Node} = beam_node:start_link(self(), maps:get(static, S)),
    print({started, Public}),
    S#{node := Node};
command(#{node := Node} = S, stop) -> % at once, as a process that is killed
    exit(Node, kill),
    receive {'EXIT', Node, _} -> ok end,
    print(stopped),
    S#{node := none};
command(S, {expose, Name, Handler}) -> handlers:expose(Name, Handler), S;
command(S, {revoke, Name}) -> handlers:revoke(Name), S;
command(S, {trust, Key}) -> ask(S, {trust, bytes(Key)});
command(S, {distrust, Key}) -> ask(S, {distrust, bytes(Key)});
command(S, {listen, Address, Port}) ->
    print({listening, answer(S, {listen, Address, Port})}),
    S;
command(S, {announce, Address, Port, Every}) -> ask(S, {announce, Address, Port, Every});
command(S, {dial, Key, Address, Port}) -> ask(S, {dial, bytes(Key), Address, Port});
command(S, {blame, Whom}) -> ask(S, {blame, Whom});
command(S, calm) -> ask(S, calm);
command(S, ends) ->
    print({ends, answer(S, ends)}),
    S;
command(#{node := Node} = S, {sync, N}) -> Node ! {event, {synced, N}}, S;
command(S, {call, Reference, Key, Name, Args}) ->
    case connection(S, Key) of
        none -> print({result, Reference, {error, not_connected}});
        Pid -> connection:call(Pid, Reference, Name, Args)
    end,
    S;
command(S, {send, Key, Name, Args}) -> on(S, Key, fun(Pid) -> connection:send(Pid, Name, Args) end);
command(S, {ping, Key, Nonce}) -> on(S, Key, fun(Pid) -> connection:ping(Pid, Nonce) end);
command(S, {raw, Key, Plain}) -> on(S, Key, fun(Pid) -> connection:raw(Pid, bytes(Plain)) end);
command(S, {frame, Key, Bytes}) -> on(S, Key, fun(Pid) -> connection:frame(Pid, bytes(Bytes)) end);
command(S, {close, Key}) -> on(S, Key, fun connection:close/1);
command(S, {handshake, A, B, C, D}) -> print({handshake, replay:handshake(A, B, C, D)}), S;
command(S, {transport, Key, Plains}) -> print({transport, replay:transport(Key, Plains)}), S;
command(S, {term, Hex, Term}) -> print({term, replay:term(Hex, Term)}), S;
command(S, {know, _Atoms}) -> print(known), S; % reading the line has made them
command(S, {safe, Hex}) -> print({safe, replay:safe(Hex)}), S;
command(S, quit) -> self() ! quit, S;
command(S, Unknown) -> print({bad_command, Unknown}), S.

ask(S, Question) ->
    answer(S, Question),
    S.

answer(#{node := Node}, Question) ->
    try gen_server:call(Node, Question, infinity)
    catch exit:_ -> receive {'EXIT', Node, gave_up} -> give_up() end
    end.

connection(S, Key) -> answer(S, {connection, bytes(Key)}).

on(S, Key, Do) ->
    case connection(S, Key) of
        none -> print({not_connected, bytes(Key)});
        Pid -> Do(Pid)
    end,
    S.

%% print writes an event. A key in the second place of a tuple is written in hexadecimal digits.
print(Event) when is_tuple(Event), tuple_size(Event) > 1 ->
    case element(2, Event) of
        <<_:32/binary>> = Key -> put_line(setelement(2, Event, hex(Key)));
        _ -> put_line(Event)
    end;
print(Event) ->
    put_line(Event).

put_line(Term) -> io:put_chars(io_lib:format("~0p~n", [Term])).

hex(Bytes) -> string:lowercase(binary_to_list(binary:encode_hex(Bytes))).

bytes(Hex) -> binary:decode_hex(list_to_binary(Hex)).
