%% Erlang's ETS as a peer: a compiled module that answers the same commands over a pipe as worker.py does, so that its runs
%% alternate with those of the others. Only the loop in l_* is timed; rows and keys are made before the clock starts.
%%
%% Commands, one a line: time OPERATION | digest M | results OPERATION | memory | quit
%% Answers: "ok A B C" or "error REASON".
-module(ets_peer).
-export([main/0]).

-record(s, {kind, type, n, folder, rows, keys, overwrite, order, tab, pairs, full = false}).

main() ->
    [Kind, Size, Folder, Type] = init:get_plain_arguments(),
    N = list_to_integer(Size),
    K = list_to_atom(Kind),
    Insert = order(Folder, "insert.u32"),
    Read = order(Folder, "read.u32"),
    S = #s{kind = K, type = list_to_atom(Type), n = N, folder = Folder,
           rows = [row(K, N, X) || X <- Insert],
           keys = [key(K, X) || X <- Read], order = Read,
           overwrite = [row(K, N, X) || X <- Read]},
    answer([list_to_integer(erlang:system_info(otp_release)), 0, 0]),
    serve(full(S)).

serve(S) ->
    case command(io:get_line("")) of
        ["time", Op] -> serve(time(list_to_atom(Op), S));
        ["digest", M] -> answer([digest_keys(S, list_to_integer(M)), 0, 0]), serve(S);
        ["results", Op] -> answer([results(list_to_atom(Op), S), 0, 0]), serve(S);
        ["memory"] -> answer([ets:info(S#s.tab, memory) * erlang:system_info(wordsize), ets:info(S#s.tab, size), 0]), serve(S);
        quit -> halt()
    end.

command(eof) -> quit;
command("quit\n") -> quit;
command(Line) -> string:lexemes(Line, " \n").

answer(Numbers) -> io:format("ok~s~n", [[[" ", integer_to_list(X)] || X <- Numbers]]).

order(Folder, Name) ->
    {ok, Bytes} = file:read_file(filename:join(Folder, Name)),
    [X || <<X:32/little>> <= Bytes].

key(int, K) -> K;
key(str, K) -> iolist_to_binary(io_lib:format("user:~6..0b", [K])).

row(Kind, N, K) ->
    V = K * multiplier(N) rem N,
    {key(Kind, K), V, iolist_to_binary(io_lib:format("name-~6..0b", [V])), K * 0.5}.

multiplier(N) when N rem 7919 =/= 0 -> 7919;
multiplier(_) -> 7907.

cut(N) -> N - max(1, N div 100) - 1.

%% ---- state between runs: most operations want the full table

empty(S = #s{tab = Old}) ->
    Old =:= undefined orelse ets:delete(Old),
    S#s{tab = ets:new(t, [S#s.type, public]), full = false}.

full(S = #s{full = true}) -> S;
full(S0) ->
    S = empty(S0),
    l_insert(S#s.tab, S#s.rows),
    S#s{full = true}.

time(insert, S0) -> run(fun(T, S) -> l_insert(T, S#s.rows), S#s.n end, empty(S0), true);
time(insert_list, S0) ->
    Chunks = chunks(S0#s.rows, S0#s.n),
    run(fun(T, S) -> l_insert(T, Chunks), S#s.n end, empty(S0), true);
time(overwrite, S0) -> run(fun(T, S) -> l_insert(T, S#s.overwrite), S#s.n end, full(S0), true);
time(lookup, S0) -> run(fun(T, S) -> l_lookup(T, S#s.keys), S#s.n end, full(S0), true);
time(member, S0) -> run(fun(T, S) -> l_member(T, S#s.keys), S#s.n end, full(S0), true);
time(update_counter, S0) -> run(fun(T, S) -> l_counter(T, S#s.keys), S#s.n end, full(S0), true);
time(delete, S0) -> run(fun(T, S) -> l_delete(T, S#s.keys), S#s.n end, full(S0), false);
time(next, S0) -> run(fun(T, S) -> l_next(T, S#s.keys), S#s.n end, full(S0), true);
time(walk, S0) -> run(fun(T, S) -> l_walk(T, ets:first(T)), S#s.n end, full(S0), true);
time(loop, S0) -> run(fun(_, S) -> l_none(S#s.keys), S#s.n end, full(S0), true);
time(select_count, S0) -> run(fun(T, S) -> ets:select_count(T, spec(S)), 1 end, full(S0), true);
time(select, S0) -> run(fun(T, S) -> length(ets:select(T, rows_spec(S))) end, full(S0), true);
time(range_by_guard, S0) ->
    Specs = guard_specs(S0, 5),
    run(fun(T, _) -> l_ranges(T, Specs, 0) end, full(S0), true);
time(range_by_prefix, S0) ->
    Specs = prefix_specs(S0, 2000),
    run(fun(_, S) -> l_ranges(S#s.pairs, Specs, 0) end, pairs(full(S0)), true);
time(tolist, S0) -> run(fun(T, S) -> length(ets:tab2list(T)), S#s.n end, full(S0), true);
time(save, S0) ->
    File = saved(S0),
    file:delete(File),
    ok = filelib:ensure_dir(File),
    os:cmd("sync"),
    run(fun(T, _) -> ok = ets:tab2file(T, File, [{extended_info, [md5sum]}, {sync, true}]), 1 end, full(S0), true);
time(load_saved, S0) -> load(false, S0);
time(load_verified, S0) -> load(true, S0).

load(Verify, S) ->
    os:cmd("sync"),
    garbage_collect(),
    A = erlang:monotonic_time(nanosecond),
    {ok, Loaded} = ets:file2tab(saved(S), [{verify, Verify}]),
    B = erlang:monotonic_time(nanosecond),
    answer([B - A, 1, ets:info(Loaded, size)]),
    ets:delete(Loaded),
    S.

saved(S) -> filename:join([S#s.folder, "ets", "saved", "table.tab"]).

run(F, S, Full) ->
    garbage_collect(),
    A = erlang:monotonic_time(nanosecond),
    Ops = F(S#s.tab, S),
    B = erlang:monotonic_time(nanosecond),
    answer([B - A, Ops, ets:info(S#s.tab, size)]),
    S#s{full = Full}.

spec(S) -> [{{'_', '$1', '_', '_'}, [{'>', '$1', cut(S#s.n)}], [true]}].

rows_spec(S) -> [{{'_', '$1', '_', '_'}, [{'>', '$1', cut(S#s.n)}], ['$_']}].

%% A hundred rows each, from keys met in the read order.
starts(S, Count) -> lists:sublist([X || X <- S#s.order, X + 100 < S#s.n], Count).

guard_specs(S, Count) ->
    [[{{'$1', '_', '_', '_'}, [{'>=', '$1', key(S#s.kind, X)}, {'<', '$1', key(S#s.kind, X + 100)}], ['$_']}]
     || X <- starts(S, Count)].

prefix_specs(S, Count) -> [[{{{X div 100, '_'}, '_', '_', '_'}, [], ['$_']}] || X <- starts(S, Count)].

%% The same rows under keys of two parts.
pairs(S = #s{pairs = undefined}) ->
    T = ets:new(pairs, [S#s.type, public]),
    [begin {_, V, Name, F} = row(int, S#s.n, X), ets:insert(T, {{X div 100, X rem 100}, V, Name, F}) end || X <- S#s.order],
    S#s{pairs = T};
pairs(S) -> S.

results(select_count, S) -> ets:select_count(S#s.tab, spec(S));
results(select, S) -> digest(ets:select(S#s.tab, rows_spec(S)), 0);
results(range_by_guard, S) -> digest(lists:append([ets:select(S#s.tab, X) || X <- guard_specs(S, 5)]), 0);
results(range_by_prefix, S) ->
    Rows = lists:append([ets:select(S#s.pairs, X) || X <- prefix_specs(S, 5)]),
    digest([{G * 100 + I, V, Name, F} || {{G, I}, V, Name, F} <- Rows], 0);
results(tolist, S) -> digest(ets:tab2list(S#s.tab), 0);
results(save, S) ->
    {ok, Loaded} = ets:file2tab(saved(S), [{verify, true}]),
    Digest = digest(ets:tab2list(Loaded), 0),
    ets:delete(Loaded),
    Digest;
results(member, S) -> length([1 || K <- S#s.keys, ets:member(S#s.tab, K)]).

l_none([_ | R]) -> l_none(R);
l_none([]) -> ok.
l_insert(T, [X | R]) -> ets:insert(T, X), l_insert(T, R);
l_insert(_, []) -> ok.
l_lookup(T, [K | R]) -> [_] = ets:lookup(T, K), l_lookup(T, R);
l_lookup(_, []) -> ok.
l_member(T, [K | R]) -> true = ets:member(T, K), l_member(T, R);
l_member(_, []) -> ok.
l_next(T, [K | R]) -> ets:next(T, K), l_next(T, R);
l_next(_, []) -> ok.
l_walk(_, '$end_of_table') -> ok;
l_walk(T, K) -> l_walk(T, ets:next(T, K)).
l_ranges(T, [X | R], N) -> [_ | _] = ets:select(T, X), l_ranges(T, R, N + 1);
l_ranges(_, [], N) -> N.
l_counter(T, [K | R]) -> ets:update_counter(T, K, {2, 1}), l_counter(T, R);
l_counter(_, []) -> ok.
l_delete(T, [K | R]) -> ets:delete(T, K), l_delete(T, R);
l_delete(_, []) -> ok.

chunks(L, N) when N =< 1000 -> [L];
chunks(L, N) -> {A, B} = lists:split(1000, L), [A | chunks(B, N - 1000)].

%% ---- digests, the twins of those in workloads.py

digest_keys(S, M) -> digest([found(ets:lookup(S#s.tab, K)) || K <- lists:sublist(S#s.keys, M)], 0).

found([Row]) -> Row;
found([]) -> none.

digest([none | R], A) -> digest(R, A + 1);
digest([{K, V, Name, F} | R], A) ->
    Word = case K of _ when is_binary(K) -> erlang:crc32(K); _ -> K end,
    digest(R, (A + Word + 3 * V + 5 * erlang:crc32(Name) + 7 * trunc(F * 2)) band 16#FFFFFFFFFFFFFFFF);
digest([], A) -> A.
