defmodule Pairs.Supervisor do
  import Lab

  def tree(_label, tree, script), do: Trees.run(tree, script, &say/1, 25)

  def bad_start(what) do
    trap()
    worker = %{id: :a, start: {Agent, :start_link, [fn -> 1 end]}}
    flags = %{strategy: :one_for_one}
    result = case what do
      :ignore -> Supervisor.start_link(Given, :ignore)
      :junk -> Supervisor.start_link(Given, :junk)
      :duplicate -> Supervisor.start_link(Given, {:ok, {flags, [worker, worker]}})
      :bad_strategy -> Supervisor.start_link(Given, {:ok, {%{strategy: :some_for_all}, []}})
      :bad_intensity -> Supervisor.start_link(Given, {:ok, {%{strategy: :one_for_one, intensity: -1}, []}})
      :bad_restart -> Supervisor.start_link(Given, {:ok, {flags, [Map.put(worker, :restart, :sometimes)]}})
      :bad_shutdown -> Supervisor.start_link(Given, {:ok, {flags, [Map.put(worker, :shutdown, -1)]}})
      :bad_type -> Supervisor.start_link(Given, {:ok, {flags, [Map.put(worker, :type, :thing)]}})
      :missing_start -> Supervisor.start_link(Given, {:ok, {flags, [%{id: :a}]}})
      :missing_id -> Supervisor.start_link(Given, {:ok, {flags, [Map.delete(worker, :id)]}})
      :significant -> Supervisor.start_link(Given, {:ok, {flags, [Map.merge(worker, %{significant: true, restart: :temporary})]}})
      :significant_permanent -> Supervisor.start_link(Given, {:ok, {Map.put(flags, :auto_shutdown, :any_significant), [Map.merge(worker, %{significant: true})]}})
      :raise -> Supervisor.start_link(Given, fn -> raise "boom" end)
      :exit -> Supervisor.start_link(Given, fn -> exit(:gone) end)
      :name_taken ->
        Process.register(self(), :supervisor_name)
        case Supervisor.start_link([], strategy: :one_for_one, name: :supervisor_name) do
          {:error, {:already_started, pid}} -> {:taken, pid == self()}
        end
    end
    say(result)
    settle()
    mailbox() |> Enum.map(fn {:EXIT, _, why} -> why end)
  end

  def start_function(gives) do
    trap()
    say(Supervisor.start_link([%{id: :a, start: {Starting, :start, [gives]}}], strategy: :one_for_one) |> shape())
    settle()
    mailbox() |> Enum.map(fn {:EXIT, _, why} -> why end)
  end

  defp shape({:ok, _}), do: :ok
  defp shape(other), do: other

  def stranger_exits do
    {:ok, sup} = Supervisor.start_link([], strategy: :one_for_one)
    ended(spawn(fn -> Process.exit(sup, :boom) end))
    settle()
    Process.alive?(sup)
  end

  def unlinked_child_dies_unnoticed do
    {:ok, sup} = Supervisor.start_link([%{id: :a, start: {Starting, :start, [:unlinked]}}], strategy: :one_for_one)
    [{:a, pid, _, _}] = Supervisor.which_children(sup)
    Process.exit(pid, :kill)
    settle()
    [{:a, same, _, _}] = Supervisor.which_children(sup)
    [same == pid, Supervisor.count_children(sup)]
  end

  def child_forms do
    {:ok, sup} = Supervisor.start_link([Agent |> then(fn m -> {m, fn -> 1 end} end), Supervisor.child_spec({Agent, fn -> 2 end}, id: :second)], strategy: :one_for_one)
    Supervisor.which_children(sup) |> Enum.map(fn {id, _, type, modules} -> {id, type, modules} end)
  end

  def dynamic(what) do
    trap()
    {:ok, sup} = DynamicSupervisor.start_link(strategy: :one_for_one, max_children: 2, extra_arguments: if(what == :extra, do: [:extra], else: []))
    start = fn args -> DynamicSupervisor.start_child(sup, %{id: :ignored, start: {Starting, :start, args}, restart: :temporary}) end
    case what do
      :max ->
        for _ <- 1..3, do: start.([:linked]) |> shape()
      :fails -> start.([{:error, :no}])
      :raises -> start.([:raise])
      :exits -> start.([:exit])
      :ignore -> start.([:ignore])
      :junk -> start.([:junk])
      :extra -> start.([:linked]) |> shape()
      :unknown_pid -> DynamicSupervisor.terminate_child(sup, self())
      :bad_spec -> outcome(fn -> DynamicSupervisor.start_child(sup, %{id: :a, start: {Starting, :start, [:linked]}, shutdown: 0}) end)
      :stop -> start.([:linked]); [DynamicSupervisor.stop(sup), mailbox() |> length()]
    end
  end
  def dynamic_flags(how) do
    trap()
    given = case how do
      :ignore -> :ignore
      :junk -> :junk
      :max_children -> {:ok, %{strategy: :one_for_one, max_children: -1}}
      :intensity -> {:ok, %{strategy: :one_for_one, intensity: -1}}
      :period -> {:ok, %{strategy: :one_for_one, period: 0}}
      :strategy -> {:ok, %{strategy: :one_for_all}}
    end
    say(DynamicSupervisor.start_link(GivenDynamic, given))
    settle()
    mailbox() |> Enum.map(fn {:EXIT, _, why} -> why end)
  end

  def dynamic_junk do
    {:ok, sup} = DynamicSupervisor.start_link(strategy: :one_for_one)
    send(sup, :junk)
    GenServer.cast(sup, :junk)
    settle()
    [Process.alive?(sup), DynamicSupervisor.count_children(sup)]
  end
end

defmodule GivenDynamic do
  use DynamicSupervisor
  def init(given), do: given
end

defmodule Given do
  use Supervisor
  def init(function) when is_function(function), do: function.()
  def init(given), do: given
end

defmodule Starting do
  def start(:extra, what), do: (Lab.say(:extra); start(what))
  def start(:linked), do: {:ok, spawn_link(fn -> Lab.idle() end)}
  def start(:unlinked), do: {:ok, spawn(fn -> Lab.idle() end)}
  def start(:info), do: {:ok, spawn_link(fn -> Lab.idle() end), :some_info}
  def start(:raise), do: raise("boom")
  def start(:exit), do: exit(:gone)
  def start(:throw), do: throw(:ball)
  def start(other), do: other
end
