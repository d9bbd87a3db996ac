defmodule Actors do
  @moduledoc """
  Processes that do one operation after the other on tables and registries, as a list of steps says; see
  tests/conformance/actors.py, which has the same for ours.
  """

  @ordered [:tab2list, :match, :match_object, :select, :keys, :lookup_all]

  def run(actors, steps, say, pause) do
    pids = for name <- actors, into: %{}, do: {name, spawn(&loop/0)}
    state = Enum.reduce(steps, %{pids: pids, tables: %{}, registry: nil, continuation: nil}, fn step, state ->
      {answer, state} = step(step, state, pause)
      say.({elem(step, 0), answer})
      state
    end)
    if state.registry, do: send(state.registry, :stop)
    for {_, pid} <- pids, do: Process.exit(pid, :kill)
    for {_, pid} <- pids, do: Lab.ended(pid)
    if state.registry, do: Lab.ended(state.registry)
    :done
  end

  defp loop do
    receive do
      {:do, from, ref, function} -> send(from, {ref, Lab.outcome(function)})
      {:die, reason} -> exit(reason)
      {:mail, from, ref, keep} -> send(from, {ref, Lab.mailbox() |> Enum.filter(keep)})
    end
    loop()
  end

  defp ask(pid, function) do
    ref = Process.monitor(pid)
    send(pid, {:do, self(), ref, function})
    receive do
      {^ref, answer} -> Process.demonitor(ref, [:flush]); answer
      {:DOWN, ^ref, _, _, _} -> :dead
    end
  end

  defp step({:new, actor, var, type, access, named, keypos, heir}, state, _) do
    heirs = if heir == nil, do: [], else: [{:heir, state.pids[heir], :inherited}]
    options = [type, access, {:keypos, keypos}] ++ heirs ++ if(named, do: [:named_table], else: [])
    case ask(state.pids[actor], fn -> :ets.new(var, options) end) do
      {:ok, tab} -> {:ok, put_in(state.tables[var], tab)}
      other -> {other, state}
    end
  end

  defp step({:ets, actor, op, var, args}, state, _) do
    tab = Map.get(state.tables, var, var)
    answer = ask(state.pids[actor], fn -> apply(:ets, op, [tab | resolve(args, state)]) end)
    {ordered(op, name(answer, state)), state}
  end

  defp step({:info, var}, state, _) do
    tab = Map.get(state.tables, var, var)
    answer = case :ets.info(tab) do
      :undefined -> nil
      info -> {info[:owner], info[:size], info[:type], info[:protection]}
    end
    {name(answer, state), state}
  end

  defp step({:part, actor, op, var, args, shown}, state, _) do
    tab = Map.get(state.tables, var, var)
    part(ask(state.pids[actor], fn -> apply(:ets, op, [tab | args]) end), shown, state)
  end

  defp step({:more, actor, op, shown}, state, _),
    do: part(ask(state.pids[actor], fn -> apply(:ets, op, [state.continuation]) end), shown, state)

  defp step({:die, actor, reason}, state, pause) do
    send(state.pids[actor], {:die, reason})
    Lab.ended(state.pids[actor])
    Process.sleep(pause)
    {:ok, state}
  end

  defp step({:trap, actor}, state, _), do: {ask(state.pids[actor], fn -> Process.flag(:trap_exit, true) end), state}
  defp step({:alive, actor}, state, _), do: {Process.alive?(state.pids[actor]), state}
  defp step({:name, actor, name}, state, _), do: {ask(state.pids[actor], fn -> Process.register(self(), name) end), state}

  defp step({:mail, actor}, state, _) do
    # Requests are taken by the loop: what is left are messages of others.
    answer = ask(state.pids[actor], fn -> Lab.mailbox() end)
    {name(answer, state) |> tables(state), state}
  end

  defp step({:reg_start, kind, partitions, listeners}, state, _) do
    me = self()
    {pid, _} = spawn_monitor(fn ->
      Process.flag(:trap_exit, true)
      result = Registry.start_link(keys: kind, name: :the_registry, partitions: partitions, listeners: listeners)
      send(me, {:registry, elem(result, 0)})
      receive do: (:stop -> Lab.outcome(fn -> Supervisor.stop(:the_registry) end))
    end)
    receive do: ({:registry, :ok} -> :ok)
    {:ok, %{state | registry: pid}}
  end

  defp step({:reg_stop}, state, pause) do
    Supervisor.stop(:the_registry)
    Process.sleep(pause)
    {:ok, state}
  end

  defp step({:reg, actor, op, args}, state, _) do
    answer = ask(state.pids[actor], fn -> registry(op, resolve(args, state)) end)
    {ordered(op, answer |> partition() |> name(state)), state}
  end

  # Where a table has no order only the number is shown.
  defp part({:ok, {values, next}}, shown, state) do
    last = if next == :"$end_of_table", do: :last, else: :more
    {{:ok, {if(shown == :rows, do: values, else: length(values)), last}}, Map.put(state, :continuation, next)}
  end
  defp part({:ok, next}, _, state), do: {{:ok, next}, Map.put(state, :continuation, next)}
  defp part(answer, _, state), do: {answer, state}

  defp registry(:update, [key, x]), do: Registry.update_value(:the_registry, key, fn old -> {old, x} end)
  defp registry(:dispatch, [key]) do
    Registry.dispatch(:the_registry, key, fn entries -> Process.put(:entries, entries ++ Process.get(:entries, [])) end)
    Process.delete(:entries)
  end
  defp registry(:lookup_all, [key]), do: Registry.lookup(:the_registry, key)
  defp registry(:whereis, [key]), do: Registry.whereis_name({:the_registry, key})
  defp registry(:send, [key, message]), do: Registry.send({:the_registry, key}, message)
  defp registry(:call, [key]), do: GenServer.call({:via, Registry, {:the_registry, key}}, :hello, 10)
  defp registry(:cast, [key]), do: GenServer.cast({:via, Registry, {:the_registry, key}}, :hello)
  defp registry(op, args), do: apply(Registry, op, [:the_registry | args])

  # The pid of a partition is nobody's business.
  defp partition({:ok, {:ok, pid}}) when is_pid(pid), do: {:ok, :partition}
  defp partition(other), do: other

  defp ordered(op, {:ok, list}) when op in @ordered and is_list(list),
    do: {:ok, Enum.sort_by(list, &IO.iodata_to_binary(elem(Words.word(&1, %{}), 0)))}
  defp ordered(_, answer), do: answer

  defp resolve({:pid, actor}, state) when is_map_key(state.pids, actor), do: state.pids[actor]
  defp resolve(tuple, state) when is_tuple(tuple), do: List.to_tuple(resolve(Tuple.to_list(tuple), state))
  defp resolve(list, state) when is_list(list), do: Enum.map(list, &resolve(&1, state))
  defp resolve(other, _), do: other

  defp name(pid, state) when is_pid(pid), do: Enum.find_value(state.pids, :stranger, fn {n, p} -> if p == pid, do: n end)
  defp name(tuple, state) when is_tuple(tuple), do: List.to_tuple(name(Tuple.to_list(tuple), state))
  defp name(list, state) when is_list(list), do: Enum.map(list, &name(&1, state))
  defp name(other, _), do: other

  defp tables(ref, state) when is_reference(ref), do: Enum.find_value(state.tables, ref, fn {n, t} -> if t == ref, do: n end)
  defp tables(tuple, state) when is_tuple(tuple), do: List.to_tuple(tables(Tuple.to_list(tuple), state))
  defp tables(list, state) when is_list(list), do: Enum.map(list, &tables(&1, state))
  defp tables(other, _), do: other
end
