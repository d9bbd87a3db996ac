%% Runs gen_statem machines whose callbacks do what a table says, and prints what was called.
%%
%% main([Programs, Results]): Programs is a file of terms {Modes, Init, Table, Script}. For each of
%% them one line of Results has the list of what the driver saw, in order: callbacks, replies, the
%% end. All programs run at the same time.
-module(statem_table).
-export([main/1, init/1, terminate/4, mode/1]).
-export([callback/5]).

-define(MOST, 40).   % callbacks of one machine, which then stops
-define(LAST, 12200). % ms after which nothing happens any more

main([Programs, Results]) ->
    {ok, List} = file:consult(Programs),
    Main = self(),
    Drivers = [driver(Main, P) || P <- List],
    Seen = [receive {Pid, Log} -> Log end || Pid <- Drivers],
    ok = file:write_file(Results, [io_lib:format("~w~n", [Log]) || Log <- Seen]),
    halt(0).

%% One after the other, so that none is late because all start at once.
driver(Main, Program) ->
    timer:sleep(2),
    spawn_link(fun () -> Main ! {self(), drive(Program)} end).

drive({Modes, Init, Table, Script}) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    Result = gen_statem:start_link(statem_a, {self(), Modes, Init, Table}, []),
    case Result of
        {ok, Pid} ->
            script(Pid, Script, 1),
            timer:sleep(?LAST),
            Last = case is_process_alive(Pid) of
                       true -> [{state, sys:get_state(Pid)}];
                       false -> []
                   end,
            [started | seen()] ++ Last;
        _ ->
            [Result]
    end.

script(_, [], _) -> ok;
script(Pid, [{sleep, Ms} | Rest], N) -> timer:sleep(Ms), script(Pid, Rest, N);
script(Pid, [{cast, X} | Rest], N) -> gen_statem:cast(Pid, X), script(Pid, Rest, N);
script(Pid, [{info, X} | Rest], N) -> Pid ! X, script(Pid, Rest, N);
script(Pid, [{call, X} | Rest], N) ->
    Pid ! {'$gen_call', {self(), N}, X},
    script(Pid, Rest, N + 1).

seen() ->
    receive
        {log, Entry} -> [Entry | seen()];
        {'EXIT', _, Reason} -> [{exit, reason(Reason)} | seen()];
        {Tag, Answer} when is_integer(Tag) -> [{answer, Tag, Answer} | seen()]
    after 0 -> []
    end.

reason({Reason, [{M, _, _, _} | _]}) when is_atom(M) -> {Reason, stack};
reason(Reason) -> Reason.

%% --- What both modules do ---

init({Driver, Modes, Init, Table}) ->
    put(driver, Driver),
    put(modes, maps:from_list(Modes)),
    put(count, 0),
    put(table, maps:from_list([{{M, S, T}, Alts} || {M, S, T, Alts} <- Table])),
    result(Init, none).

mode(Module) -> maps:get(Module, get(modes)).

callback(Module, Type, Content, State, Data) ->
    get(driver) ! {log, {Module, short(Type), Content, State, Data}},
    Count = put(count, get(count) + 1),
    Tag = case Type of
              enter -> enter;
              timeout -> timeout;
              state_timeout -> state_timeout;
              {timeout, _} -> Type;
              _ -> Content
          end,
    case maps:get({Module, State, Tag}, get(table), [keep_state_and_data]) of
        _ when Count >= ?MOST -> {stop, limit};
        Alts -> result(lists:nth(Count rem length(Alts) + 1, Alts), Type)
    end.

terminate(Module, Reason, State, Data) ->
    get(driver) ! {log, {Module, terminate, Reason, State, Data}}.

short({call, {_, Tag}}) -> {call, Tag};
short(Type) -> Type.

result({fail, Reason}, _) -> error(Reason);
result({quit, Reason}, _) -> exit(Reason);
result({toss, Result}, Type) -> throw(result(Result, Type));
result({next_state, S, D, A}, T) -> {next_state, S, D, actions(A, T)};
result({keep_state, D, A}, T) -> {keep_state, D, actions(A, T)};
result({keep_state_and_data, A}, T) -> {keep_state_and_data, actions(A, T)};
result({repeat_state, D, A}, T) -> {repeat_state, D, actions(A, T)};
result({repeat_state_and_data, A}, T) -> {repeat_state_and_data, actions(A, T)};
result({stop_and_reply, R, A}, T) -> {stop_and_reply, R, actions(A, T)};
result({stop_and_reply, R, A, D}, T) -> {stop_and_reply, R, actions(A, T), D};
result({ok, S, D, A}, T) -> {ok, S, D, actions(A, T)};
result(Result, _) -> Result.

%% Actions that need a caller are left out where the event is no call.
actions(Actions, Type) when is_list(Actions) -> lists:append([action(A, Type) || A <- Actions]);
actions(Action, Type) -> actions([Action], Type).

action({reply, from, X}, {call, From}) -> [{reply, From, X}];
action({reply, from, _}, _) -> [];
action({next_event, {call, from}, X}, {call, From}) -> [{next_event, {call, From}, X}];
action({next_event, {call, from}, _}, _) -> [];
action(Action, _) -> [Action].
