%% beam_node is a whole node: its key, whom it trusts, its listener, its connections and when it dials. Events are sent to the process
%% that started it. It behaves as PeerNet's registry and supervisor do (docs/wire.md, "The BEAM dialect"):
%%   - whoever is trusted and heard is dialled at once, unless connected, and also while another dial is under way;
%%   - the newest connection of a key wins, and the one before is told to go;
%%   - after the end of a connection in use, an address that was heard is dialled again after 0.5 s, doubling to 30 s;
%%   - four connections that end within five seconds, dials that were refused included, are one more than its supervisor takes.
-module(beam_node).
-behaviour(gen_server).
-export([start_link/2, init/1, handle_call/3, handle_cast/2, handle_info/2]).

-record(state, {
    owner, static, trusted = [], listener, announces,
    peers = #{}, % key => #{pid, address, status}
    connections = #{}, % pid => key, or none until it has registered
    restarts = [],
    blames = all, % the ends of connections that count: all, or those that others have caused
    replaced = [] % pids that a connection of its own has replaced
}).

-define(RESTARTS, 3).
-define(PERIOD, 5).

start_link(Owner, Static) -> gen_server:start_link(?MODULE, {Owner, Static}, []).

init({Owner, Static}) ->
    process_flag(trap_exit, true),
    {ok, #state{owner = Owner, static = Static}}.

handle_call({trust, Key}, _, S) ->
    {reply, ok, S#state{trusted = [Key | lists:delete(Key, S#state.trusted)]}};
handle_call({distrust, Key}, _, S) ->
    {reply, ok, S#state{trusted = lists:delete(Key, S#state.trusted)}};
handle_call({listen, Address, Port}, _, S) ->
    Options = [binary, {packet, raw}, {active, false}, {reuseaddr, true}, {ip, Address}, {backlog, 64}],
    {ok, Listener} = gen_tcp:listen(Port, Options),
    {ok, Bound} = inet:port(Listener),
    Self = self(),
    spawn_link(fun() -> accept(Self, Listener) end),
    {reply, Bound, S#state{listener = Listener}};
handle_call({announce, Address, Port, Every}, _, S) ->
    {ok, Bound} = inet:port(S#state.listener),
    {Public, _} = S#state.static,
    {reply, ok, S#state{announces = announces:start(self(), Address, Port, Every, Public, Bound)}};
handle_call({dial, Key, Address, Port}, _, S) ->
    {Result, After} = dial(S, Key, Address, Port),
    {reply, Result, After};
handle_call({connection, Key}, _, S) ->
    {reply, pid_of(S, Key), S};
handle_call({blame, Whom}, _, S) when Whom =:= all; Whom =:= others ->
    {reply, ok, S#state{blames = Whom}};
handle_call(ends, _, S) ->
    {reply, length(recent(S)), S};
handle_call(calm, _, S) ->
    {reply, ok, S#state{restarts = []}}.

handle_cast(_, S) -> {noreply, S}.

handle_info({event, Event}, S) ->
    tell(S, Event),
    {noreply, S};
handle_info({accepted, Socket}, S) ->
    tell(S, {accepted, erlang:monotonic_time(millisecond)}),
    {Pid, After} = connection(S, responder),
    hand_over(Socket, Pid),
    {noreply, After};
handle_info({register, Key, Pid, Role}, S) ->
    Old = pid_of(S, Key),
    Old =:= none orelse connection:close(Old),
    Pid ! registered,
    tell(S, {connected, Key, Role}),
    Replaced = [Old || Role =:= initiator] ++ S#state.replaced,
    After = with_peer(S, Key, #{pid => Pid, status => connected}),
    {noreply, After#state{connections = (S#state.connections)#{Pid => Key}, replaced = Replaced}};
handle_info({heard, Key, Address, Port}, S) ->
    {Public, _} = S#state.static,
    case {Key =:= Public, is_trusted(S, Key), pid_of(S, Key)} of
        {true, _, _} -> {noreply, S};
        {_, true, none} ->
            tell(S, {heard, Key, Address, Port}),
            {_, After} = dial(with_peer(S, Key, #{address => {Address, Port}, status => discovered}), Key, Address, Port),
            {noreply, After};
        {_, true, _} ->
            tell(S, {heard, Key, Address, Port}),
            {noreply, with_peer(S, Key, #{address => {Address, Port}})};
        _ ->
            tell(S, {heard, Key, Address, Port}),
            {noreply, S}
    end;
handle_info({redial, Key, Attempt}, S) ->
    case maps:get(Key, S#state.peers, #{}) of
        #{status := connected} -> {noreply, S};
        #{address := {Address, Port}} ->
            case is_trusted(S, Key) andalso dial(with_peer(S, Key, #{status => reconnecting}), Key, Address, Port) of
                false -> {noreply, S};
                {ok, After} -> {noreply, After};
                {_, After} -> redial(After, Key, Attempt + 1), {noreply, After}
            end;
        _ -> {noreply, S}
    end;
handle_info({'EXIT', Pid, Reason}, S) ->
    case maps:take(Pid, S#state.connections) of
        error when Reason =:= normal -> {noreply, S};
        error -> {stop, Reason, S};
        {Key, Connections} -> count(ended(S#state{connections = Connections}, Pid, Key, Reason), Pid, Reason)
    end.

%% accept hands each socket to the node. It ends with the listener.
accept(Node, Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            ok = gen_tcp:controlling_process(Socket, Node),
            Node ! {accepted, Socket},
            accept(Node, Listener);
        {error, closed} ->
            ok
    end.

connection(S, Role) ->
    Pid = connection:start(self(), Role, S#state.static, S#state.trusted),
    {Pid, S#state{connections = (S#state.connections)#{Pid => none}}}.

hand_over(Socket, Pid) ->
    case gen_tcp:controlling_process(Socket, Pid) of
        ok -> ok;
        {error, _} -> ok % closed: Pid finds out
    end,
    Pid ! {socket, Socket}.

dial(S, Key, Address, Port) ->
    {Pid, After} = connection(S, initiator),
    case gen_tcp:connect(Address, Port, [binary, {packet, raw}, {active, false}]) of
        {ok, Socket} ->
            tell(S, {dialled, Key}),
            hand_over(Socket, Pid),
            {ok, with_peer(After, Key, #{status => connecting})};
        {error, Reason} ->
            tell(S, {dial_failed, Key, Reason}),
            Pid ! stop,
            {Reason, After}
    end.

redial(S, Key, Attempt) ->
    case is_trusted(S, Key) andalso maps:get(Key, S#state.peers, #{}) of
        #{address := _} -> erlang:send_after(min(500 bsl min(Attempt, 10), 30000), self(), {redial, Key, Attempt});
        _ -> none
    end.

%% ended takes note of a connection that has ended, and dials again later if it was in use.
ended(S, Pid, Key, Reason) ->
    case Reason of
        normal -> ok; % a dial that was refused
        {closed, Remote, Why} -> tell(S, {closed, Remote, Why});
        _ -> tell(S, {closed, Key, {crashed, Reason}})
    end,
    case Key =/= none andalso pid_of(S, Key) of
        Pid ->
            redial(S, Key, 0),
            with_peer(S, Key, #{pid => none, status => disconnected});
        _ -> S
    end.

%% count counts the end of a connection, and gives up at the fourth within the period.
count(S, Pid, Reason) ->
    Now = erlang:monotonic_time(second),
    Own = Reason =:= normal orelse lists:member(Pid, S#state.replaced),
    Restarts = [Now || S#state.blames =:= all orelse not Own] ++ recent(S),
    case length(Restarts) > ?RESTARTS of
        true -> tell(S, {gave_up, length(Restarts)}), {stop, gave_up, S};
        false -> {noreply, S#state{restarts = Restarts, replaced = lists:delete(Pid, S#state.replaced)}}
    end.

%% recent has the ends that still count.
recent(S) ->
    Now = erlang:monotonic_time(second),
    [T || T <- S#state.restarts, T >= Now - ?PERIOD].

with_peer(S, Key, Changes) ->
    Peer = maps:merge(maps:get(Key, S#state.peers, #{pid => none}), Changes),
    S#state{peers = (S#state.peers)#{Key => Peer}}.

pid_of(S, Key) ->
    case S#state.peers of
        #{Key := #{pid := Pid}} -> Pid;
        _ -> none
    end.

is_trusted(S, Key) -> lists:member(Key, S#state.trusted).

tell(#state{owner = Owner}, Event) -> Owner ! {event, Event}.
