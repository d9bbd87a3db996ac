-module(deaths).
-export([main/1]).
%% P is linked to A, F fillers and B (in either order of start); A on EXIT sends m to B.
main([N, F]) ->
    C = lists:foldl(fun(_, Acc) -> R = one(list_to_integer(F)), maps:update_with(R, fun(X) -> X+1 end, 1, Acc) end, #{}, lists:seq(1, list_to_integer(N))),
    io:format("~p~n", [C]), halt(0).
one(F) ->
    Me = self(),
    Swap = rand:uniform(2) =:= 1,
    MkB = fun() -> spawn(fun() -> process_flag(trap_exit, true), Me ! ready, receive go -> ok end,
             receive M1 -> receive M2 -> Me ! {b, tag(M1), tag(M2)} end end end) end,
    MkF = fun() -> [spawn(fun() -> process_flag(trap_exit, true), receive stop -> ok end end) || _ <- lists:seq(1, F)] end,
    MkA = fun() -> spawn_opt(fun() -> process_flag(trap_exit, true), Me ! ready, receive {go, B} -> spin(B) end end, [{scheduler, 1}]) end,
    {A, Fs, B} = case Swap of
        true -> A0 = MkA(), F0 = MkF(), B0 = MkB(), {A0, F0, B0};
        false -> B0 = MkB(), F0 = MkF(), A0 = MkA(), {A0, F0, B0} end,
    [receive ready -> ok end || _ <- [1,2]],
    P = spawn_opt(fun() -> [link(X) || X <- [A, B | Fs]], Me ! linked, receive die -> exit(x) end end, [{scheduler, 2}]),
    A ! {go, B}, B ! go,
    receive linked -> ok end, busy(rand:uniform(20000)), P ! die,
    R = receive {b, X, Y} -> {Swap, X, Y} after 2000 -> stuck end,
    [X1 ! stop || X1 <- Fs], exit(A, kill), exit(B, kill), R.
spin(B) -> receive {'EXIT', _, x} -> B ! m after 0 -> spin(B) end.
tag({'EXIT', _, _}) -> exit; tag(m) -> m.

busy(0) -> ok;
busy(N) -> busy(N-1).
