defmodule Trees do
  @moduledoc """
  Runs supervision trees that are data: see tests/conformance/trees.py, which has the same for ours.
  A tree is {:sup, name, strategy, intensity, period, auto_shutdown, children} or {:dyn, name, intensity,
  period, max_children}; a child {:worker, id, restart, shutdown, significant, starts, trap, ms} or
  {:sub, id, restart, shutdown, significant, tree}. `starts` says what each start gives, the last for all after it.
  """

  import Lab, only: [outcome: 1, mailbox: 0, trap: 0]

  def run(tree, script, say, pause) do
    trap()
    table = :ets.new(:tree, [:public])
    context = {table, say}
    result = outcome(fn -> start_tree(context, tree) end)
    Process.sleep(pause)
    say.({:started, shape(result)})
    for step <- script do
      answer = step(step, context)
      Process.sleep(pause)
      say.({elem(step, 0), answer})
    end
    Process.sleep(pause)
    ends = mailbox() |> Enum.map(fn {:EXIT, _, why} -> {:exit, why}; other -> other end)
    for {_, pid} <- pids(table), Process.alive?(pid), do: Process.exit(pid, :kill)
    ends
  end

  defp pids(table), do: :ets.tab2list(table) |> Enum.filter(fn {_, pid} -> is_pid(pid) end)

  defp shape({:ok, {:ok, _}}), do: :ok
  defp shape({:ok, other}), do: other
  defp shape(other), do: other

  def start_tree(context, {:sup, _, _, _, _, _, _} = tree), do: Supervisor.start_link(Trees.Sup, {context, tree})
  def start_tree(context, {:dyn, _, _, _, _} = tree), do: DynamicSupervisor.start_link(Trees.Dyn, {context, tree})

  def spec(context, {:worker, id, restart, shutdown, significant, _, _, _} = child) do
    %{id: id, start: {Trees.Worker, :start_link, [context, child]}, restart: restart, shutdown: shutdown, significant: significant}
  end

  def spec(context, {:sub, id, restart, shutdown, significant, tree}) do
    spec = %{id: id, start: {Trees, :start_tree, [context, tree]}, restart: restart, type: :supervisor, significant: significant}
    if shutdown == :default, do: spec, else: Map.put(spec, :shutdown, shutdown)
  end

  defp pid({table, _}, name) do
    case :ets.lookup(table, name) do
      [{_, pid}] -> pid
      [] -> nil
    end
  end

  defp step({:wait, ms}, _), do: Process.sleep(ms)

  defp step(step, context) do
    case pid(context, elem(step, 1)) do
      nil -> :nobody
      pid -> if Process.alive?(pid), do: act(step, pid, context), else: :dead
    end
  end

  defp act({:crash, _, reason}, pid, _), do: GenServer.cast(pid, {:end, reason})
  defp act({:kill, _}, pid, _), do: Process.exit(pid, :kill)
  defp act({:exit, _, reason}, pid, _), do: Process.exit(pid, reason)
  defp act({:raise, _}, pid, _), do: GenServer.cast(pid, :raise)
  defp act({:stop, _, reason}, pid, _), do: outcome(fn -> Supervisor.stop(pid, reason) end) |> brief()
  defp act({:terminate, _, id}, pid, _), do: Supervisor.terminate_child(pid, id)
  defp act({:restart, _, id}, pid, _), do: Supervisor.restart_child(pid, id) |> brief()
  defp act({:delete, _, id}, pid, _), do: Supervisor.delete_child(pid, id)
  defp act({:start, _, child}, pid, context), do: outcome(fn -> Supervisor.start_child(pid, spec(context, child)) end) |> brief()
  defp act({:which, _}, pid, _), do: Supervisor.which_children(pid) |> Enum.map(fn {id, p, type, _} -> {id, alive(p), type} end)
  defp act({:count, _}, pid, _), do: Supervisor.count_children(pid)

  defp act({:dyn_start, _, child}, pid, context),
    do: outcome(fn -> DynamicSupervisor.start_child(pid, Map.delete(spec(context, child), :significant)) end) |> brief()

  defp act({:dyn_terminate, _, id}, pid, context) do
    case pid(context, id) do
      nil -> :nobody
      child -> DynamicSupervisor.terminate_child(pid, child)
    end
  end

  defp act({:dyn_which, _}, pid, _),
    do: DynamicSupervisor.which_children(pid) |> Enum.map(fn {id, p, type, _} -> {id, alive(p), type} end) |> Enum.sort()

  defp act({:dyn_count, _}, pid, _), do: DynamicSupervisor.count_children(pid)

  defp alive(pid) when is_pid(pid), do: :pid
  defp alive(other), do: other

  defp brief({:ok, value}), do: brief(value)
  defp brief({:exit, {reason, {GenServer, name, _}}}), do: {:exit, {reason, name}}
  # The record of a child is the supervisor's own affair.
  defp brief({:error, {reason, record}}) when is_tuple(record) and elem(record, 0) == :child, do: {:error, {reason, :record}}
  defp brief(pid) when is_pid(pid), do: :pid
  defp brief(other), do: other
end

defmodule Trees.Sup do
  use Supervisor

  def init({{table, _} = context, {:sup, name, strategy, intensity, period, auto, children}}) do
    :ets.insert(table, {name, self()})
    flags = %{strategy: strategy, intensity: intensity, period: period, auto_shutdown: auto}
    {:ok, {flags, Enum.map(children, &Trees.spec(context, &1))}}
  end
end

defmodule Trees.Dyn do
  use DynamicSupervisor

  def init({{table, _}, {:dyn, name, intensity, period, most}}) do
    :ets.insert(table, {name, self()})
    DynamicSupervisor.init(strategy: :one_for_one, max_restarts: intensity, max_seconds: period, max_children: most)
  end
end

defmodule Trees.Worker do
  use GenServer

  def start_link(context, child), do: GenServer.start_link(__MODULE__, {context, child})

  def init({{table, say}, {:worker, id, _, _, _, starts, trap, ms}}) do
    if trap, do: Process.flag(:trap_exit, true)
    count = :ets.update_counter(table, {:starts, id}, 1, {{:starts, id}, 0})
    what = Enum.at(starts, min(count, length(starts)) - 1)
    say.({:init, id, what})
    case what do
      :ok ->
        :ets.insert(table, {id, self()})
        {:ok, {id, say, ms}}
      :ignore -> :ignore
      {:stop, reason} -> {:stop, reason}
      :raise -> raise "boom"
      {:exit, reason} -> exit(reason)
    end
  end

  def handle_cast({:end, reason}, state) do
    Process.put(:by_itself, true)
    {:stop, reason, state}
  end
  def handle_cast(:raise, _) do
    Process.put(:by_itself, true)
    raise("boom")
  end

  # Slow only where the supervisor waits for it: else it would overlap the next steps.
  def terminate(reason, {id, say, ms}) do
    if ms > 0 and reason == :shutdown and Process.get(:by_itself) == nil, do: Process.sleep(ms)
    say.({:terminate, id, reason})
  end
end
