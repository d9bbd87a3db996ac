%% One of the two callback modules of statem_table: the modules that a machine switches between.
-module(statem_b).
-behaviour(gen_statem).
-export([init/1, callback_mode/0, handle_event/4, terminate/3, s0/3, s1/3, s2/3]).

init(Argument) -> statem_table:init(Argument).
callback_mode() -> statem_table:mode(?MODULE).
handle_event(T, C, S, D) -> statem_table:callback(?MODULE, T, C, S, D).
s0(T, C, D) -> statem_table:callback(?MODULE, T, C, s0, D).
s1(T, C, D) -> statem_table:callback(?MODULE, T, C, s1, D).
s2(T, C, D) -> statem_table:callback(?MODULE, T, C, s2, D).
terminate(R, S, D) -> statem_table:terminate(?MODULE, R, S, D).
