defmodule Many do
  @moduledoc """
  Runs random programs: `main([input, output])` reads terms `{kind, at_once, pause, program}` of one kind and writes
  a line for each, in their order. Kinds: tree (trees.ex), actors (actors.ex), peers (peers.ex).
  """

  def main([input, output]) do
    :logger.set_primary_config(:level, :none)
    {:ok, programs} = :file.consult(to_charlist(input))
    [{_, at_once, _, _} | _] = programs
    lines =
      programs
      |> Enum.with_index()
      |> Task.async_stream(&run/1, max_concurrency: at_once, timeout: :infinity, ordered: true)
      |> Enum.map(fn {:ok, line} -> line end)
    File.write!(output, Enum.map(lines, &[&1, "\n"]))
    System.halt(0)
  end

  defp run({{kind, _, pause, program}, index}) do
    table = :ets.new(:log, [:public, :ordered_set])
    say = fn what -> :ets.insert(table, {:erlang.unique_integer([:monotonic]), what}); what end
    me = self()
    {pid, ref} = spawn_monitor(fn -> send(me, {:result, self(), perform(kind, program, say, pause)}) end)
    result = receive do
      {:result, ^pid, result} -> result
      {:DOWN, ^ref, _, _, reason} -> {:crashed, reason}
    end
    Process.demonitor(ref, [:flush])
    log = for {_, what} <- :ets.tab2list(table), do: what
    :ets.delete(table)
    Words.line(Integer.to_string(index), sorted(kind, log) ++ [{:returned, result}])
  end

  defp perform(:tree, {tree, script}, say, pause), do: Trees.run(tree, script, say, pause)
  defp perform(:actors, {actors, steps}, say, pause), do: Actors.run(actors, steps, say, pause)
  defp perform(:peers, steps, say, pause), do: Peers.run(steps, say, pause)

  # What different processes did within one step has no order: each is listed by itself.
  defp sorted(:peers, log) do
    Enum.take_while(log, &(&1 != {:step, :end}))
    |> Enum.chunk_while([], fn
      {:step, _} = mark, part -> {:cont, Enum.reverse(part), [mark]}
      entry, part -> {:cont, [entry | part]}
    end, fn part -> {:cont, Enum.reverse(part), []} end)
    |> Enum.flat_map(fn
      [{:step, _} = mark | rest] -> [mark | Enum.sort_by(rest, &Atom.to_string(elem(&1, 0)))]
      rest -> rest
    end)
  end
  defp sorted(_, log), do: log
end

defmodule Peers do
  @moduledoc """
  GenServers that do what scripts say: see tests/conformance/peers.py, which has the same for ours.
  """

  def run(steps, say, pause) do
    Process.flag(:trap_exit, true)
    table = :ets.new(:peers, [:public])
    :ets.insert(table, {:driver, self()})
    context = {table, say, div(pause, 30)}
    for {step, index} <- Enum.with_index(steps) do
      say.({:step, index})
      answer = step(step, context, pause)
      Process.sleep(pause)
      tell(context, :driver, {:answer, answer})
      for message <- Lab.mailbox(), do: tell(context, :driver, {:got, message})
    end
    say.({:step, :end})
    for {_, pid} <- :ets.tab2list(table), pid != self(), do: Process.exit(pid, :kill)
    :done
  end

  defp step({:start, name, link, trap, init}, context, _) do
    args = {context, name, trap, init}
    if link, do: brief(GenServer.start_link(Peers.Server, args)), else: brief(GenServer.start(Peers.Server, args))
  end
  defp step({:wait, ms}, {_, _, unit}, _), do: Process.sleep(ms * unit)
  defp step(step, {_, _, unit} = context, _) do
    case pid(context, elem(step, 1)) do
      nil -> :nobody
      pid -> act(step, pid, unit)
    end
  end

  defp act({:call, _, script}, pid, unit), do: Lab.outcome(fn -> GenServer.call(pid, {:do, script}, 45 * unit) end) |> strip()
  defp act({:cast, _, script}, pid, _), do: GenServer.cast(pid, {:do, script})
  defp act({:info, _, script}, pid, _), do: (send(pid, {:do, script}); :ok)
  defp act({:exit, _, reason}, pid, _), do: Process.exit(pid, reason)
  defp act({:stop, _, reason}, pid, unit), do: Lab.outcome(fn -> GenServer.stop(pid, reason, 100 * unit) end) |> strip()

  def brief({:ok, pid}) when is_pid(pid), do: :ok
  def brief(other), do: other

  def strip({:exit, {reason, {GenServer, name, _}}}), do: {:exit, {strip_sys(reason), name}}
  def strip(other), do: other
  defp strip_sys({reason, {:sys, name, _}}), do: {reason, {:sys, name}}
  defp strip_sys(other), do: other

  def pid({table, _, _}, name) do
    case :ets.lookup(table, name) do
      [{_, pid}] -> pid
      [] -> nil
    end
  end

  @doc "Say what a process did, with names for pids and no references."
  def tell({table, say, _}, who, what), do: say.({who, named(table, what)})

  defp named(table, pid) when is_pid(pid) do
    case :ets.match(table, {:"$1", pid}) do
      [[name] | _] -> name
      [] -> :stranger
    end
  end
  defp named(_, ref) when is_reference(ref), do: :ref
  defp named(_, {:do, script}) when is_list(script), do: :script
  defp named(table, tuple) when is_tuple(tuple), do: List.to_tuple(Enum.map(Tuple.to_list(tuple), &named(table, &1)))
  defp named(_, []), do: []
  defp named(_, [:alias | ref]) when is_reference(ref), do: :ref
  defp named(table, list) when is_list(list) do
    if match?([{_, _, _, _} | _], list), do: :stack, else: Enum.map(list, &named(table, &1))
  end
  defp named(_, other), do: other
end

defmodule Peers.Server do
  use GenServer

  def init({{table, _, unit} = context, name, trap, init}) do
    if trap, do: Process.flag(:trap_exit, true)
    Peers.tell(context, name, {:init, if(match?({:ok_continue, _}, init), do: :ok_continue, else: init)})
    Process.put(:unit, unit)
    Process.put(:context, context)
    Process.put(:name, name)
    case init do
      :ok -> :ets.insert(table, {name, self()}); {:ok, 0}
      :ok_timeout -> :ets.insert(table, {name, self()}); {:ok, 0, 14 * unit}
      {:ok_continue, script} -> :ets.insert(table, {name, self()}); {:ok, 0, {:continue, {:do, script}}}
      :ignore -> :ignore
      {:stop, reason} -> {:stop, reason}
      :raise -> raise "boom"
      {:exit, reason} -> exit(reason)
      :junk -> :junk
    end
  end

  def handle_call({:do, script}, from, n), do: perform(:call, script, from, n)
  def handle_cast({:do, script}, n), do: perform(:cast, script, nil, n)
  def handle_continue({:do, script}, n), do: perform(:continue, script, nil, n)
  def handle_info({:do, script}, n), do: perform(:info, script, nil, n)
  def handle_info(other, n) do
    tell({:info, other, n})
    {:noreply, n}
  end

  def terminate(reason, n), do: tell({:terminate, reason, n})

  defp tell(what), do: Peers.tell(Process.get(:context), Process.get(:name), what)
  defp pid(name), do: Peers.pid(Process.get(:context), name)

  defp perform(kind, script, from, n) do
    tell({kind, n})
    {last, before} = List.pop_at(script, -1)
    for one <- before, do: one(one, from)
    give(last, from, n + 1)
  end

  defp one({:say, x}, _), do: tell({:say, x})
  defp one({:trap, flag}, _), do: Process.flag(:trap_exit, flag)
  defp one({:save}, from), do: Process.put(:saved, from)
  defp one({:reply_saved, x}, _), do: (case Process.get(:saved) do nil -> :ok; from -> GenServer.reply(from, x) end)
  defp one({:reply_now, x}, from), do: if(from, do: GenServer.reply(from, x))
  defp one({:start, name, trap, init}, _),
    do: tell({:started, Peers.brief(GenServer.start_link(Peers.Server, {Process.get(:context), name, trap, init}))})
  defp one({what, name}, _) when what in [:link, :unlink, :monitor, :demonitor], do: with_pid(name, &relation(what, &1))
  defp one({:exit, name, reason}, _), do: with_pid(name, &Process.exit(&1, reason))
  defp one({:cast, name, script}, _), do: with_pid(name, &GenServer.cast(&1, {:do, script}))
  defp one({:send, name, message}, _), do: with_pid(name, &send(&1, message))
  defp one({:call, name, script}, _),
    do: with_pid(name, fn pid -> tell({:called, Peers.strip(Lab.outcome(fn -> GenServer.call(pid, {:do, script}, 9 * Process.get(:unit)) end))}) end)

  defp with_pid(name, function), do: (case pid(name) do nil -> tell(:nobody); pid -> function.(pid) end)

  defp relation(:link, pid), do: Process.link(pid)
  defp relation(:unlink, pid), do: Process.unlink(pid)
  defp relation(:monitor, pid), do: Process.put({:ref, pid}, Process.monitor(pid))
  defp relation(:demonitor, pid), do: (case Process.get({:ref, pid}) do nil -> :ok; ref -> Process.demonitor(ref, [:flush]) end)

  defp give({:reply, x}, _, n), do: {:reply, x, n}
  defp give({:reply_timeout, x}, _, n), do: {:reply, x, n, 14 * Process.get(:unit)}
  defp give({:reply_continue, x, script}, _, n), do: {:reply, x, n, {:continue, {:do, script}}}
  defp give(:noreply, _, n), do: {:noreply, n}
  defp give(:timeout, _, n), do: {:noreply, n, 14 * Process.get(:unit)}
  defp give(:zero, _, n), do: {:noreply, n, 0}
  defp give(:hibernate, _, n), do: {:noreply, n, :hibernate}
  defp give({:continue, script}, _, n), do: {:noreply, n, {:continue, {:do, script}}}
  defp give({:stop, reason}, _, n), do: {:stop, reason, n}
  defp give({:stop_reply, reason, x}, _, n), do: {:stop, reason, x, n}
  defp give(:raise, _, _), do: raise("boom")
  defp give({:error, reason}, _, _), do: :erlang.error(reason)
  defp give({:exit, reason}, _, _), do: exit(reason)
  defp give(:throw_noreply, _, n), do: throw({:noreply, n})
  defp give(:throw_junk, _, _), do: throw(:ball)
  defp give(:junk, _, _), do: :junk
end
