%% Runs programs of the reference language on the real VM, many times, with scheduling noise.
%% Input: a file of terms {Name, Runs, [Letter], [{Letter, [Op]}]}; the letters are in the order of
%% outcomes, and a child's code is in what starts it: {spawn, Letter, How, Label, Ops}. Output: for
%% each program a line "# Name", then lines "Count Outcome", the outcome as a Python literal.
-module(interp).
-export([main/1, child/3]).

-define(LANES, 32).

main([In, Out]) ->
    %% A process that waits for the code server looks stuck: load all that a program uses first.
    Used = [?MODULE, rand, lists, maps, ets, proplists, atomics],
    [{module, _} = code:ensure_loaded(M) || M <- Used],
    {ok, Programs} = file:consult(In),
    {ok, File} = file:open(Out, [write, {encoding, utf8}]),
    [ok = report(File, Name, count(Runs, {Order, Bodies}))
     || {Name, Runs, Order, Bodies} <- Programs],
    ok = file:close(File),
    halt(0).

report(File, Name, Counts) ->
    ok = file:write(File, ["# ", Name, "\n"]),
    [ok = file:write(File, [integer_to_list(N), " ", literal(Outcome), "\n"])
     || {Outcome, N} <- lists:sort(maps:to_list(Counts))],
    ok.

%% Several lanes run the program at once: they are noise for each other.
count(Runs, Program) ->
    Self = self(),
    Lanes = [spawn_link(fun() -> Self ! {self(), lane(Lane, Runs div ?LANES + 1, Program, #{})} end)
             || Lane <- lists:seq(1, ?LANES)],
    lists:foldl(
      fun(Lane, Sum) ->
              receive {Lane, Counts} -> merge(Counts, Sum) end
      end, #{}, Lanes).

merge(Counts, Sum) ->
    maps:fold(fun(K, N, Acc) -> maps:update_with(K, fun(M) -> M + N end, N, Acc) end, Sum, Counts).

lane(_, 0, _, Counts) -> Counts;
lane(Lane, Left, Program, Counts) ->
    Outcome = run(Lane, Program),
    lane(Lane, Left - 1, Program, maps:update_with(Outcome, fun(N) -> N + 1 end, 1, Counts)).

%% One run: start all, tell the pids, collect logs and ends, read the outcome, clear away. Where
%% there are children all are traced: so their ends have a reason, however soon they come.
run(Lane, {Order, Bodies}) ->
    Bound = rand:uniform(2) =:= 1,
    Collector = self(),
    Started = [{Letter, spawn_opt(fun() -> start(Letter, Ops, Collector) end,
                                  [monitor | place(Bound)])} || {Letter, Ops} <- Bodies],
    Pids = maps:from_list([{Letter, Pid} || {Letter, {Pid, _}} <- Started]),
    Letters = maps:from_list([{Pid, Letter} || {Letter, {Pid, _}} <- Started]),
    Table = receive {table, T} -> T end,
    Parents = length(Order) > length(Bodies),
    [erlang:trace(Pid, true, [procs, set_on_spawn]) || Parents, Pid <- maps:values(Pids)],
    Places = maps:from_list(lists:zip(Order, lists:seq(1, length(Order)))),
    Limited = {atomics:new(length(Order), []), Places},
    Go = {go, #{pids => Pids, table => Table, lane => Lane, bound => Bound, limited => Limited,
                collector => Collector, noise => rand:uniform(4), refs => #{}}},
    [Pid ! Go || Pid <- shuffle(maps:values(Pids))],
    Seen = gather(#{live => maps:keys(Letters), letters => Letters, logs => #{}, reasons => #{},
                    roots => maps:values(Pids), traced => #{}, patience => patience(Bodies),
                    rest => not Parents, limited => Limited}, 0),
    clear(maps:keys(maps:get(letters, Seen))),
    outcome(Order, Seen).

outcome(Order, #{letters := Letters, logs := Logs, reasons := Reasons, traced := Traced}) ->
    Pids = maps:from_list([{Letter, Pid} || {Pid, Letter} <- maps:to_list(Letters)]),
    [case Pids of
         #{Letter := Pid} ->
             Log = lists:reverse(maps:get(Letter, Logs, [])),
             {Letter, named(Log, Letters), maps:get(Pid, maps:merge(Traced, Reasons), stuck)};
         #{} -> {Letter, [], unborn}
     end || Letter <- Order].

%% Letters for pids.
named(Pid, Letters) when is_pid(Pid) -> maps:get(Pid, Letters);
named(T, Letters) when is_tuple(T) -> list_to_tuple(named(tuple_to_list(T), Letters));
named([X | Rest], Letters) -> [named(X, Letters) | named(Rest, Letters)];
named(Term, _) -> Term.

place(false) -> [];
place(true) -> [{scheduler, rand:uniform(erlang:system_info(schedulers_online))}].

shuffle(List) -> [X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- List])].

%% `rest` says that nothing of a trace is under way any more.
gather(#{live := [], rest := true} = Seen, _) -> Seen;
gather(#{live := []} = Seen, _) -> settle(Seen);
gather(#{live := Live, patience := Patience} = Seen, Times) ->
    receive
        Message -> gather(note(Message, Seen), 0)
    after Patience ->
            case lists:all(fun(Pid) -> waiting(Pid, Seen) end, Live) of
                true when Times >= 2 -> stuck(Seen);
                true -> gather(Seen, Times + 1);
                false -> gather(Seen, 0)
            end
    end.

stuck(#{rest := true} = Seen) -> Seen;
stuck(Seen) -> settle(Seen).

%% Wait for what the tracer still has; if that is anything, look again.
settle(Seen) ->
    Ref = erlang:trace_delivered(all),
    settle(Ref, Seen#{rest => true}).

settle(Ref, Seen) ->
    receive
        {trace_delivered, all, Ref} -> gather(Seen, 2);
        Message -> settle(Ref, note(Message, Seen))
    end.

note({log, Letter, What}, #{logs := Logs} = Seen) ->
    Seen#{logs => maps:update_with(Letter, fun(L) -> [What | L] end, [What], Logs)};
note({'DOWN', _, process, Pid, Reason}, #{live := Live, reasons := Reasons} = Seen) ->
    Seen#{live => lists:delete(Pid, Live), reasons => Reasons#{Pid => Reason}};
note({trace, _, spawn, Pid, {?MODULE, child, [Letter | _]}}, Seen) ->
    %% No monitor: its request would be a signal in the child's queue, which a length can tell.
    #{live := Live, letters := Letters} = Seen,
    %% What different processes do is traced in no order: its end may have been heard of already.
    Now = [Pid || not is_map_key(Pid, maps:get(traced, Seen))] ++ Live,
    Seen#{live => Now, letters => Letters#{Pid => Letter}, rest => false};
note({trace, Pid, exit, Reason}, #{live := Live, roots := Roots, traced := Traced} = Seen) ->
    Left = case lists:member(Pid, Roots) of
               true -> Live; % a root's logs are there when it is down
               false -> lists:delete(Pid, Live)
           end,
    Seen#{live => Left, traced => Traced#{Pid => Reason}};
note(Other, Seen) when element(1, Other) =:= trace -> Seen.

%% Seen three times, a time-out of every timer apart, with all waiting and no word from anybody:
%% nothing can happen any more. (Asking for more than the status would wake the process.) Who waits
%% with a limit says so: its time-out may be as late as the machine is slow.
waiting(Pid, #{letters := Letters, limited := {Limited, Places}}) ->
    atomics:get(Limited, maps:get(maps:get(Pid, Letters), Places)) =:= 0
        andalso process_info(Pid, status) =:= {status, waiting}.

patience(Bodies) -> 1 + lists:sum([wait(Op) || {_, Ops} <- Bodies, Op <- Ops]).

wait({recv, _, After}) when is_integer(After) -> After;
wait({send_after, _, _, Ms, _}) -> Ms;
wait({spawn, Letter, _, _, Ops}) -> patience([{Letter, Ops}]);
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

child(Letter, Ops, #{pids := Pids} = Env) ->
    body(Letter, Ops, Env#{pids => Pids#{Letter => self()}, refs => #{}}).

body(_, [], Env) -> noise(Env), ok;
body(Letter, [Op | Rest], Env) ->
    noise(Env),
    limited(Op, 1, Letter, Env),
    Result = catch_op(Op, Env),
    limited(Op, 0, Letter, Env),
    case Result of
        {silent, Next} -> body(Letter, Rest, Next);
        {What, Next} ->
            maps:get(collector, Env) ! {log, Letter, What},
            body(Letter, Rest, Next)
    end.

limited({recv, _, After}, N, Letter, #{limited := {Limited, Places}}) when is_integer(After) ->
    atomics:put(Limited, maps:get(Letter, Places), N);
limited(_, _, _, _) -> ok.

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
op({spawn, Letter, How, Label, Ops}, #{pids := Pids, refs := Refs, bound := Bound} = Env) ->
    case spawn_opt(?MODULE, child, [Letter, Ops, Env], how(How) ++ place(Bound)) of
        {Pid, Ref} ->
            {silent, Env#{pids => Pids#{Letter => Pid}, refs => Refs#{Label => Ref, Ref => Label}}};
        Pid -> {silent, Env#{pids => Pids#{Letter => Pid}}}
    end;
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
op({whereis, Name}, Env) ->
    case whereis(name(Name, Env)) of
        undefined -> {none, Env};
        Pid -> {Pid, Env}
    end;
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

how(plain) -> [];
how(How) -> [How].

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

plain({'DOWN', Ref, process, {Name, _}, Reason}, #{refs := Refs}) ->
    Short = lists:takewhile(fun(C) -> C =/= $_ end, atom_to_list(Name)),
    {'DOWN', maps:get(Ref, Refs), process, {list_to_atom(Short), nonode}, Reason};
plain({'DOWN', Ref, process, Pid, Reason}, #{refs := Refs}) ->
    {'DOWN', maps:get(Ref, Refs), process, Pid, Reason};
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
