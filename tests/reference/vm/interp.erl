%% Runs programs of the reference language on the real VM, many times, with scheduling noise.
%% Input: a file of terms {Name, Runs, [{Letter, [Op]}]}. Output: for each program a line
%% "# Name", then lines "Count Outcome", the outcome written as a Python literal.
-module(interp).
-export([main/1]).

-define(LANES, 32).

main([In, Out]) ->
    %% A process that waits for the code server looks stuck: load all that a program uses first.
    [{module, _} = code:ensure_loaded(M) || M <- [?MODULE, rand, lists, maps, ets, proplists]],
    {ok, Programs} = file:consult(In),
    {ok, File} = file:open(Out, [write, {encoding, utf8}]),
    [ok = report(File, Name, count(Runs, Bodies)) || {Name, Runs, Bodies} <- Programs],
    ok = file:close(File),
    halt(0).

report(File, Name, Counts) ->
    ok = file:write(File, ["# ", Name, "\n"]),
    [ok = file:write(File, [integer_to_list(N), " ", literal(Outcome), "\n"])
     || {Outcome, N} <- lists:sort(maps:to_list(Counts))],
    ok.

%% Several lanes run the program at once: they are noise for each other.
count(Runs, Bodies) ->
    Self = self(),
    Lanes = [spawn_link(fun() -> Self ! {self(), lane(Lane, Runs div ?LANES + 1, Bodies, #{})} end)
             || Lane <- lists:seq(1, ?LANES)],
    lists:foldl(
      fun(Lane, Sum) ->
              receive {Lane, Counts} -> merge(Counts, Sum) end
      end, #{}, Lanes).

merge(Counts, Sum) ->
    maps:fold(fun(K, N, Acc) -> maps:update_with(K, fun(M) -> M + N end, N, Acc) end, Sum, Counts).

lane(_, 0, _, Counts) -> Counts;
lane(Lane, Left, Bodies, Counts) ->
    Outcome = run(Lane, Bodies),
    lane(Lane, Left - 1, Bodies, maps:update_with(Outcome, fun(N) -> N + 1 end, 1, Counts)).

%% One run: start all, tell the pids, collect logs and ends, read the outcome, clear away.
run(Lane, Bodies) ->
    Collector = self(),
    Bound = rand:uniform(2) =:= 1,
    Started = [{Letter, spawn_opt(fun() -> start(Letter, Ops, Collector) end,
                                  [monitor | place(Bound)])} || {Letter, Ops} <- Bodies],
    Pids = maps:from_list([{Letter, Pid} || {Letter, {Pid, _}} <- Started]),
    Letters = maps:from_list([{Pid, Letter} || {Letter, {Pid, _}} <- Started]),
    Table = receive {table, T} -> T end,
    Go = {go, #{pids => Pids, letters => Letters, table => Table, lane => Lane,
                collector => Collector, noise => rand:uniform(4), refs => #{}}},
    [Pid ! Go || Pid <- shuffle(maps:values(Pids))],
    {Logs, Reasons} = gather(maps:keys(Letters), #{}, #{}, patience(Bodies), 0),
    clear(maps:keys(Letters)),
    [{Letter, lists:reverse(maps:get(Letter, Logs, [])), maps:get(Pid, Reasons, stuck)}
     || {Letter, {Pid, _}} <- Started].

place(false) -> [];
place(true) -> [{scheduler, rand:uniform(erlang:system_info(schedulers_online))}].

shuffle(List) -> [X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- List])].

gather([], Logs, Reasons, _, _) -> {Logs, Reasons};
gather(Live, Logs, Reasons, Patience, Seen) ->
    receive
        {log, Letter, What} ->
            gather(Live, maps:update_with(Letter, fun(L) -> [What | L] end, [What], Logs),
                   Reasons, Patience, 0);
        {'DOWN', _, process, Pid, Reason} ->
            gather(lists:delete(Pid, Live), Logs, Reasons#{Pid => Reason}, Patience, 0)
    after Patience ->
            case lists:all(fun waiting/1, Live) of
                true when Seen >= 2 -> {Logs, Reasons};
                true -> gather(Live, Logs, Reasons, Patience, Seen + 1);
                false -> gather(Live, Logs, Reasons, Patience, 0)
            end
    end.

%% Seen three times, a time-out of every timer apart, with all waiting and no word from anybody:
%% nothing can happen any more. (Asking for more than the status would wake the process.)
waiting(Pid) -> process_info(Pid, status) =:= {status, waiting}.

patience(Bodies) ->
    1 + lists:sum([Ms || {_, Ops} <- Bodies, Op <- Ops, Ms <- [wait(Op)]]).

wait({recv, _, After}) when is_integer(After) -> After;
wait({send_after, _, _, Ms, _}) -> Ms;
wait(_) -> 0.

clear(Pids) ->
    Refs = [erlang:monitor(process, Pid) || Pid <- Pids],
    [exit(Pid, kill) || Pid <- Pids],
    [receive {'DOWN', Ref, _, _, _} -> ok end || Ref <- Refs],
    flush().

flush() ->
    receive _ -> flush() after 0 -> ok end.

%% ---- a process -------------------------------------------------------------------------------

start(main, Ops, Collector) ->
    Collector ! {table, ets:new(shared, [public, set])},
    receive {go, Env} -> body(main, Ops, Env) end;
start(Letter, Ops, _) ->
    receive {go, Env} -> body(Letter, Ops, Env) end.

body(_, [], Env) -> noise(Env), ok;
body(Letter, [Op | Rest], Env) ->
    noise(Env),
    case catch_op(Op, Env) of
        {silent, Next} -> body(Letter, Rest, Next);
        {What, Next} ->
            maps:get(collector, Env) ! {log, Letter, What},
            body(Letter, Rest, Next)
    end.

noise(#{noise := 1}) -> ok;
noise(#{noise := Level}) ->
    case rand:uniform(7) of
        1 -> erlang:yield();
        2 -> busy(rand:uniform(60 * Level * Level));
        3 -> busy(rand:uniform(600 * Level));
        4 when Level =:= 4 -> erlang:yield(), busy(rand:uniform(3000)), erlang:yield();
        _ -> ok
    end.

busy(0) -> ok;
busy(N) -> busy(N - 1).

catch_op(Op, Env) ->
    try op(Op, Env)
    catch error:badarg -> {badarg, Env};
          error:noproc -> {noproc, Env}
    end.

op({send, Target, Value}, #{pids := Pids} = Env) ->
    case Pids of
        #{Target := Pid} -> Pid ! Value, {silent, Env};
        #{} -> name(Target, Env) ! Value, {sent, Env}
    end;
op({recv, Patterns, none}, Env) -> {plain(take(Patterns, infinity), Env), Env};
op({recv, Patterns, After}, Env) -> {plain(take(Patterns, After), Env), Env};
op({exit, Target, Reason}, Env) -> exit(pid(Target, Env), Reason), {silent, Env};
op({'end', Reason}, _) -> exit(Reason);
op({link, Target}, Env) -> link(pid(Target, Env)), {ok, Env};
op({unlink, Target}, Env) -> unlink(pid(Target, Env)), {silent, Env};
op({monitor, Target, Label}, #{pids := Pids, refs := Refs} = Env) ->
    Object = case Pids of #{Target := Pid} -> Pid; #{} -> name(Target, Env) end,
    Ref = erlang:monitor(process, Object),
    {silent, Env#{refs := Refs#{Label => Ref, Ref => Label}}};
op({demonitor, Label, Mode}, #{refs := Refs} = Env) ->
    case {Mode, erlang:demonitor(maps:get(Label, Refs), options(Mode))} of
        {info, Found} -> {Found, Env};
        {flush_info, Found} -> {Found, Env};
        {_, true} -> {silent, Env}
    end;
op({trap, Flag}, Env) -> process_flag(trap_exit, Flag), {silent, Env};
op({register, Name, none}, Env) -> {register(name(Name, Env), self()), Env};
op({register, Name, Target}, Env) -> {register(name(Name, Env), pid(Target, Env)), Env};
op({unregister, Name}, Env) -> {unregister(name(Name, Env)), Env};
op({whereis, Name}, #{letters := Letters} = Env) ->
    {maps:get(whereis(name(Name, Env)), Letters, none), Env};
op({alive, Target}, Env) -> {is_process_alive(pid(Target, Env)), Env};
op({len}, Env) -> {element(2, process_info(self(), message_queue_len)), Env};
op({send_after, Target, Value, Ms, Label}, #{pids := Pids, refs := Refs} = Env) ->
    Dest = case Pids of #{Target := Pid} -> Pid; #{} -> name(Target, Env) end,
    {silent, Env#{refs := Refs#{Label => erlang:send_after(Ms, Dest, Value)}}};
op({cancel, Label}, #{refs := Refs} = Env) ->
    case erlang:cancel_timer(maps:get(Label, Refs)) of
        false -> {false, Env};
        _ -> {left, Env}
    end;
op({insert, Key, Value}, #{table := Table} = Env) -> {ets:insert(Table, {Key, Value}), Env};
op({insert_new, Key, Value}, #{table := Table} = Env) -> {ets:insert_new(Table, {Key, Value}), Env};
op({delete, Key}, #{table := Table} = Env) -> {ets:delete(Table, Key), Env};
op({lookup, Key}, #{table := Table} = Env) -> {read(Table, Key), Env};
op({spin, Key}, #{table := Table} = Env) ->
    case read(Table, Key) of
        none -> op({spin, Key}, Env);
        Value -> {Value, Env}
    end.

read(Table, Key) ->
    case ets:lookup(Table, Key) of
        [{_, Value}] -> Value;
        [] -> none
    end.

options(plain) -> [];
options(flush_info) -> [flush, info];
options(Mode) -> [Mode].

pid(Letter, #{pids := Pids}) -> maps:get(Letter, Pids).

name(Name, #{lane := Lane}) ->
    list_to_atom(atom_to_list(Name) ++ "_" ++ integer_to_list(Lane)).

%% In code of their own, so that nothing but a receive stands between two looks at the queue.
take(none, Time) -> receive Any -> Any after Time -> timeout end;
take(Patterns, Time) ->
    Set = maps:from_list([{P, true} || P <- Patterns]),
    receive
        {'EXIT', _, _} = Exit when is_map_key('EXIT', Set) -> Exit;
        {'DOWN', _, _, _, _} = Down when is_map_key('DOWN', Set) -> Down;
        Value when is_map_key(Value, Set) -> Value
    after Time -> timeout
    end.

plain({'EXIT', From, Reason}, #{letters := Letters}) ->
    {'EXIT', maps:get(From, Letters), Reason};
plain({'DOWN', Ref, process, {Name, _}, Reason}, #{refs := Refs}) ->
    Short = lists:takewhile(fun(C) -> C =/= $_ end, atom_to_list(Name)),
    {'DOWN', maps:get(Ref, Refs), process, {list_to_atom(Short), nonode}, Reason};
plain({'DOWN', Ref, process, Pid, Reason}, #{letters := Letters, refs := Refs}) ->
    {'DOWN', maps:get(Ref, Refs), process, maps:get(Pid, Letters), Reason};
plain(Value, _) -> Value.

%% ---- output ----------------------------------------------------------------------------------

literal(true) -> "True";
literal(false) -> "False";
literal(none) -> "None";
literal(N) when is_integer(N) -> integer_to_list(N);
literal(A) when is_atom(A) -> ["'", atom_to_list(A), "'"];
literal(T) when is_tuple(T) -> literal(tuple_to_list(T));
literal([]) -> "()";
literal(L) -> ["(", [[literal(X), ","] || X <- L], ")"].
