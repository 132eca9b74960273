%% Runs calls on a real ETS table and says what came of them. Requests and replies are terms in external term format, each
%% behind its length in four bytes, on stdin and stdout.
%%
%% {run, Type, KeyPos, Calls} makes a table, runs the calls in order and drops it; the reply is a list of {ok, Result},
%% {error, badkey} or {error, other}. A call is {Function, Args}: Function of this module if it is there, else of ets, with
%% the table put before Args.
%%
%% {match_specs, Cases} tries match specifications on rows: a case is {Spec, Rows}, its part of the reply {ok, Results}
%% with a result for each row, or {error, malformed}.
-module(judge).
-export([start/0]).
-export([insert/2, insert_new/2, walk/1, folded/2, each/3, insert_many/2, delete_many/2, delete_objects/2]).
-export([walk_back/1, ends/1, rows_of_slots/1, slot_or_end/2, can_go_on/2, fixed/5, walk_that_deletes/2]).
-export([match_deleted/2, pages/4, pages_while_changing/5]).

start() ->
    put(from_the_end, puts_lists_in_from_the_end()),
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
    loop(Port).

loop(Port) ->
    receive
        {Port, {data, Request}} ->
            true = port_command(Port, term_to_binary(reply(binary_to_term(Request)))),
            loop(Port);
        {Port, eof} ->
            halt(0)
    end.

reply(otp_release) ->
    list_to_integer(erlang:system_info(otp_release));
reply(ets_functions) ->
    lists:usort([Function || {Function, _} <- ets:module_info(exports)]);
reply({match_specs, Cases}) ->
    [match_spec(Spec, Rows) || {Spec, Rows} <- Cases];
reply({term_to_binary, Term, Options}) ->
    term_to_binary(Term, Options);
reply({same, One, Other}) ->
    One =:= binary_to_term(Other);
reply(without_counterpart) ->
    Port = open_port({spawn, "true"}, []),
    [{pid, term_to_binary(self())}, {port, term_to_binary(Port)}, {reference, term_to_binary(make_ref())},
     {'fun', term_to_binary(fun() -> Port end)}, {'fun', term_to_binary(fun ets:new/2)},
     {improper, term_to_binary([1 | 2])}, {'bit string', term_to_binary(<<1:3>>)}];
reply({tab2file, Type, KeyPos, Named, Rows, File, Options}) ->
    Table = ets:new(judged, [Type, {keypos, KeyPos} | [named_table || Named]]),
    insert(Table, Rows),
    Reply = ets:tab2file(Table, unicode:characters_to_list(File), Options),
    ets:delete(Table),
    Reply;
reply({tab2file_of, Count, File, Options}) ->
    Table = ets:new(judged, []),
    lists:foreach(fun(I) -> ets:insert(Table, numbered(I)) end, lists:seq(1, Count)),
    Reply = ets:tab2file(Table, unicode:characters_to_list(File), Options),
    ets:delete(Table),
    Reply;
reply({file2tab, File, Options}) ->
    with_file(File, Options, fun(Table) ->
        {[ets:info(Table, Item) || Item <- [type, keypos, name, named_table]], ets:tab2list(Table)}
    end);
reply({file2tab_of, Count, File, Options}) ->
    with_file(File, Options, fun(Table) ->
        ets:info(Table, size) =:= Count andalso
            lists:all(fun(I) -> ets:lookup(Table, I) =:= [numbered(I)] end, lists:seq(1, Count))
    end);
reply({run, Type, KeyPos, Calls}) ->
    Table = ets:new(judge, [Type, {keypos, KeyPos}]),
    Results = [outcome(Table, Call) || Call <- Calls],
    ets:delete(Table),
    Results.

match_spec(Spec, Rows) ->
    case ets:test_ms({}, Spec) of
        {ok, _} ->
            Compiled = ets:match_spec_compile(Spec),
            {ok, [ets:match_spec_run([Row], Compiled) || Row <- Rows]};
        {error, _} ->
            {error, malformed}
    end.

with_file(File, Options, Ask) ->
    case ets:file2tab(unicode:characters_to_list(File), Options) of
        {ok, Table} ->
            Answer = Ask(Table),
            ets:delete(Table),
            {ok, Answer};
        Error ->
            Error
    end.

numbered(I) ->
    {I, integer_to_binary(I), I * 0.5, [I, {a, I}]}.

outcome(Table, {Function, Args}) ->
    Arity = length(Args) + 1,
    Module =
        case erlang:function_exported(?MODULE, Function, Arity) of
            true -> ?MODULE;
            false -> ets
        end,
    try
        {ok, apply(Module, Function, [Table | Args])}
    catch
        error:_:Stack -> {error, cause(Stack)}
    end.

cause([{_, _, _, Info} | _]) ->
    case proplists:get_value(error_info, Info) of
        #{cause := badkey} -> badkey;
        _ -> other
    end.

%% OTP 23.0 to 25.2.3 put a list into a bag (not into a duplicate_bag) from its end: turned round, it goes in as it stands.
puts_lists_in_from_the_end() ->
    Table = ets:new(judge, [bag]),
    ets:insert(Table, [{key, 1}, {key, 2}]),
    Rows = ets:lookup(Table, key),
    ets:delete(Table),
    Rows =:= [{key, 2}, {key, 1}].

%% A list that outlasts the process's turn goes in the other way round, so each begins a turn of its own.
in_order(Table, Rows) ->
    is_list(Rows) andalso erlang:yield(),
    case is_list(Rows) andalso get(from_the_end) andalso ets:info(Table, type) =:= bag of
        true -> lists:reverse(Rows);
        false -> Rows
    end.

insert(Table, Rows) ->
    ets:insert(Table, in_order(Table, Rows)).

insert_new(Table, Rows) ->
    ets:insert_new(Table, in_order(Table, Rows)).

%% Keys as first and next give them.
walk(Table) ->
    walk(Table, ets:first(Table)).

walk(_, '$end_of_table') -> [];
walk(Table, Key) -> [Key | walk(Table, ets:next(Table, Key))].

%% Keys as last and prev give them.
walk_back(Table) ->
    walk_back(Table, ets:last(Table)).

walk_back(_, '$end_of_table') -> [];
walk_back(Table, Key) -> [Key | walk_back(Table, ets:prev(Table, Key))].

ends(Table) ->
    [ets:first(Table), ets:last(Table)].

rows_of_slots(Table) ->
    rows_of_slots(Table, 0).

rows_of_slots(Table, Number) ->
    case ets:slot(Table, Number) of
        '$end_of_table' -> [];
        Rows -> Rows ++ rows_of_slots(Table, Number + 1)
    end.

%% ETS takes the number past the last for the end, and any greater one for an error.
slot_or_end(Table, Number) ->
    ets:slot(Table, min(Number, ets:info(Table, size))).

%% Whether next knows each of the keys: what follows it depends on where they lie.
can_go_on(Table, Keys) ->
    [try ets:next(Table, Key) of _ -> true catch error:badarg -> false end || Key <- Keys].

%% While the table is fixed: keys are deleted, or all of them, rows inserted, keys deleted again; then where a walk may go
%% on, and after that again.
fixed(Table, Keys, Rows, Clear, Asked) ->
    ets:safe_fixtable(Table, true),
    delete_many(Table, Keys),
    Clear andalso ets:delete_all_objects(Table),
    insert(Table, Rows),
    delete_many(Table, Keys),
    Fixed = can_go_on(Table, Asked),
    ets:safe_fixtable(Table, false),
    [Fixed, can_go_on(Table, Asked)].

%% All keys, some of which are deleted as soon as they are met.
walk_that_deletes(Table, Keys) ->
    ets:safe_fixtable(Table, true),
    Met = walk_that_deletes(Table, Keys, ets:first(Table)),
    ets:safe_fixtable(Table, false),
    Met.

walk_that_deletes(_, _, '$end_of_table') -> [];
walk_that_deletes(Table, Keys, Key) ->
    lists:member(Key, Keys) andalso ets:delete(Table, Key),
    [Key | walk_that_deletes(Table, Keys, ets:next(Table, Key))].

%% All rows in the order in which foldl or foldr meets them.
folded(Table, Fold) ->
    lists:reverse(ets:Fold(fun(Row, Rows) -> [Row | Rows] end, [], Table)).

each(Table, Function, Keys) ->
    [apply(ets, Function, [Table, Key]) || Key <- Keys].

%% How many rows match_delete deletes.
match_deleted(Table, Pattern) ->
    Before = ets:info(Table, size),
    true = ets:match_delete(Table, Pattern),
    Before - ets:info(Table, size).

%% The results of all pages.
pages(Table, Function, Asked, Limit) ->
    following(Function, apply(ets, Function, [Table, Asked, Limit])).

following(_, '$end_of_table') -> [];
following(Function, {Results, Continuation}) -> Results ++ following(Function, apply(ets, Function, [Continuation])).

%% After the first page keys are deleted and rows inserted. The rows that this leaves alone.
pages_while_changing(Table, Pattern, Limit, Keys, Rows) ->
    ets:safe_fixtable(Table, true),
    First = ets:match_object(Table, Pattern, Limit),
    delete_many(Table, Keys),
    insert(Table, Rows),
    Found = following(match_object, First),
    ets:safe_fixtable(Table, false),
    KeyPos = ets:info(Table, keypos),
    Changed = Keys ++ [element(KeyPos, Row) || Row <- Rows],
    [Row || Row <- Found, not lists:member(element(KeyPos, Row), Changed)].

%% How many rows went in.
insert_many(Table, Rows) ->
    true = insert(Table, Rows),
    length(Rows).

delete_objects(Table, Rows) ->
    lists:foreach(fun(Row) -> ets:delete_object(Table, Row) end, Rows).

%% How many rows went.
delete_many(Table, Keys) ->
    Before = ets:info(Table, size),
    lists:foreach(fun(Key) -> ets:delete(Table, Key) end, Keys),
    Before - ets:info(Table, size).
