#!/usr/bin/env escript
%%! +S 2 +A 1 -kernel logger_level critical
%% A peer of the BEAM dialect on a real BEAM, for tests. README.md says how to use it.
-mode(compile).

%% main loads the modules beside this file. ERL_FLAGS="-pa FOLDER" has it take them compiled, from there.
main([]) ->
    Folder = filename:dirname(escript:script_name()),
    [load(Folder, Module) || Module <- [noise, wire, handlers, connection, announces, beam_node, replay, lines]],
    lines:main().

load(Folder, Module) ->
    case code:ensure_loaded(Module) of
        {module, Module} ->
            ok;
        {error, nofile} ->
            {ok, Module, Code} = compile:file(filename:join(Folder, Module), [binary, report, warnings_as_errors]),
            {module, Module} = code:load_binary(Module, Module, Code)
    end.
