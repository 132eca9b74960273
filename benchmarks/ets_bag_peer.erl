%% A bag or duplicate_bag of Erlang's ETS, answering the same commands as bag_worker.py.
-module(ets_bag_peer).
-export([main/0]).

-record(s, {type, rows, keys, doomed}).

main() ->
    [Type, Size, RowsAKey, Folder] = init:get_plain_arguments(),
    Keys = max(1, list_to_integer(Size) div list_to_integer(RowsAKey)),
    Deleted = case list_to_integer(RowsAKey) > 1000 of true -> 2000; false -> 100000 end,
    S = #s{type = list_to_atom(Type),
           rows = [row(K, Keys) || K <- order(Folder, "insert.u32")],
           keys = lists:seq(0, Keys - 1),
           doomed = [row(K, Keys) || K <- lists:sublist(order(Folder, "read.u32"), Deleted)]},
    answer([0, 0, 0]),
    serve(S).

serve(S) ->
    case command(io:get_line("")) of
        ["time", Operation] -> time(list_to_atom(Operation), S), serve(S);
        ["sum"] -> sum(S), serve(S);
        quit -> halt()
    end.

command(eof) -> quit;
command("quit\n") -> quit;
command(Line) -> string:lexemes(Line, " \n").

answer(Numbers) -> io:format("ok~s~n", [[[" ", integer_to_list(X)] || X <- Numbers]]).

order(Folder, Name) ->
    {ok, Bytes} = file:read_file(filename:join(Folder, Name)),
    [X || <<X:32/little>> <= Bytes].

row(K, Keys) -> {K rem Keys, K, iolist_to_binary(io_lib:format("name-~6..0b", [K])), K * 0.5}.

new(S) -> ets:new(t, [S#s.type, public]).

full(S) ->
    Table = new(S),
    insert(Table, S#s.rows, 0),
    Table.

time(insert, S) -> run(new(S), fun(Table) -> insert(Table, S#s.rows, 0) end);
time(lookup, S) -> run(full(S), fun(Table) -> lookup(Table, S#s.keys, 0) end);
time(delete_object, S) -> run(full(S), fun(Table) -> delete_object(Table, S#s.doomed, 0) end).

run(Table, Work) ->
    garbage_collect(),
    Start = erlang:monotonic_time(nanosecond),
    Operations = Work(Table),
    End = erlang:monotonic_time(nanosecond),
    ets:delete(Table),
    answer([End - Start, Operations, 0]).

sum(S) ->
    Table = full(S),
    Sum = lists:sum([I || Key <- S#s.keys, {_, I, _, _} <- ets:lookup(Table, Key)]),
    ets:delete(Table),
    answer([Sum, 0, 0]).

insert(Table, [Row | Rows], N) -> ets:insert(Table, Row), insert(Table, Rows, N + 1);
insert(_, [], N) -> N.
lookup(Table, [Key | Keys], N) -> lookup(Table, Keys, N + length(ets:lookup(Table, Key)));
lookup(_, [], N) -> N.
delete_object(Table, [Row | Rows], N) -> ets:delete_object(Table, Row), delete_object(Table, Rows, N + 1);
delete_object(_, [], N) -> N.
