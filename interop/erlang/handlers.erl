%% handlers are the names that this node serves, and what each does. A name is an atom.
-module(handlers).
-export([start/0, expose/2, revoke/1, find/1, run/3]).

start() -> ets:new(?MODULE, [named_table, public]).

%% expose serves a name. The handler is one of those that run knows.
expose(Name, Handler) when is_atom(Name) -> ets:insert(?MODULE, {Name, Handler}).

revoke(Name) -> ets:delete(?MODULE, Name).

find(Name) ->
    case ets:lookup(?MODULE, Name) of
        [{_, Handler}] -> {ok, Handler};
        [] -> error
    end.

%% run runs a handler for the peer with that key, as that node does: {ok, _} with what it returns, or {error, _}.
run(forbidden, _, _) -> {error, forbidden};
run(refuses_badly, _, _) -> error(authorize); % a predicate that raises is not caught, and ends the connection
run(Handler, Key, Args) ->
    try {ok, apply_handler(Handler, Key, Args)}
    catch
        error:Reason:Stack -> {error, {handler_crash, {error, Reason, Stack}}};
        Kind:Reason -> {error, {handler_crash, {Kind, Reason}}}
    end.

apply_handler(echo, _, Args) -> Args;
apply_handler({value, Value}, _, _) -> Value;
apply_handler(caller, Key, _) -> Key;
apply_handler(sleep, _, Milliseconds) -> timer:sleep(Milliseconds), slept;
apply_handler(bytes, _, N) -> binary:copy(<<7>>, N);
apply_handler(crash, _, Reason) -> error(Reason);
apply_handler(throw, _, Reason) -> throw(Reason);
apply_handler(exit, _, Reason) -> exit(Reason);
apply_handler(exit_with_pid, _, _) -> exit({self(), make_ref(), fun() -> ok end});
apply_handler(pid, _, _) -> self().
