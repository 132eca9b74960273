%% Runs calls on a real ETS table and says what came of them. Requests and replies are terms in external term format, each
%% behind its length in four bytes, on stdin and stdout.
%%
%% {run, Type, KeyPos, Calls} makes a table, runs the calls in order and drops it; the reply is a list of {ok, Result},
%% {error, badkey} or {error, other}. A call is {Function, Args}: Function of this module if it is there, else of ets, with
%% the table put before Args.
-module(judge).
-export([start/0]).
-export([walk/1, rows_folded/1, each/3, insert_many/2, delete_many/2]).

start() ->
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
reply({run, Type, KeyPos, Calls}) ->
    Table = ets:new(judge, [Type, {keypos, KeyPos}]),
    Results = [outcome(Table, Call) || Call <- Calls],
    ets:delete(Table),
    Results.

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

%% Keys as first and next give them.
walk(Table) ->
    walk(Table, ets:first(Table)).

walk(_, '$end_of_table') -> [];
walk(Table, Key) -> [Key | walk(Table, ets:next(Table, Key))].

rows_folded(Table) ->
    ets:foldl(fun(Row, Rows) -> [Row | Rows] end, [], Table).

each(Table, Function, Keys) ->
    [apply(ets, Function, [Table, Key]) || Key <- Keys].

%% How many rows went in.
insert_many(Table, Rows) ->
    true = ets:insert(Table, Rows),
    length(Rows).

%% How many rows went.
delete_many(Table, Keys) ->
    Before = ets:info(Table, size),
    lists:foreach(fun(Key) -> ets:delete(Table, Key) end, Keys),
    Before - ets:info(Table, size).
