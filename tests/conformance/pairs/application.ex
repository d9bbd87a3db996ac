defmodule Pairs.Application do
  import Lab

  @start %{a: {Apps, [:a]}}

  # An application that no file describes is loaded from its description.
  defp load(name, args, more \\ []) do
    :application.load({:application, name, [{:description, 'x'}, {:vsn, '1'}, {:modules, []}, {:registered, []},
      {:applications, more}, {:mod, {Apps, args}}, {:env, [{:rate, 3}]}]})
    name
  end

  defp unload(names), do: for name <- names, do: (Application.stop(name); Application.unload(name))

  def start_gives(how) do
    _ = @start
    load(:conformance_app, [how])
    say(Application.start(:conformance_app))
    say(Application.start(:conformance_app) |> elem_or())
    say(Application.stop(:conformance_app))
    say(Application.stop(:conformance_app))
    unload([:conformance_app])
    :done
  end

  defp elem_or(other), do: other

  def dependencies do
    load(:conformance_base, [:ok])
    load(:conformance_top, [:ok], [:conformance_base])
    say(Application.start(:conformance_top))
    say(Application.ensure_all_started(:conformance_top))
    say(Application.ensure_all_started(:conformance_top))
    unload([:conformance_top, :conformance_base])
    :done
  end

  def ensure_fails do
    load(:conformance_base, [:ok])
    load(:conformance_top, [:error], [:conformance_base])
    say(Application.ensure_all_started(:conformance_top) |> then(fn {:error, {app, _}} -> {:error, app} end))
    unload([:conformance_top, :conformance_base])
    :done
  end

  def tree_ends(reason) do
    load(:conformance_app, [:with_state])
    say(Application.start(:conformance_app))
    Process.exit(Process.whereis(:conformance_tree), reason)
    settle()
    say(Process.whereis(:conformance_tree))
    say(Application.stop(:conformance_app))
    unload([:conformance_app])
    :done
  end

  def what_outlives_the_tree do
    load(:conformance_app, [:with_helper])
    Application.start(:conformance_app)
    ref = Process.monitor(Process.whereis(:conformance_helper))
    say(Application.stop(:conformance_app))
    receive do {:DOWN, ^ref, _, _, reason} -> say(reason) end
    unload([:conformance_app])
    :done
  end

  def environment do
    load(:conformance_app, [:ok])
    say(Application.get_env(:conformance_app, :rate))
    say(Application.get_env(:conformance_app, :none, :default))
    say(Application.fetch_env(:conformance_app, :none))
    say(Application.put_env(:conformance_app, :rate, 4))
    say(Application.fetch_env(:conformance_app, :rate))
    say(Application.delete_env(:conformance_app, :rate))
    say(Application.get_env(:conformance_app, :rate))
    unload([:conformance_app])
    :done
  end

  def bad_type do
    load(:conformance_app, [:ok])
    say(Application.start(:conformance_app, :sometimes))
    unload([:conformance_app])
    :done
  end

  def partitions(what) do
    trap()
    {:ok, sup} = PartitionSupervisor.start_link(child_spec: {Agent, fn -> :state end}, name: :the_partitions, partitions: 3)
    via = fn key -> {:via, PartitionSupervisor, {:the_partitions, key}} end
    case what do
      :count -> [PartitionSupervisor.partitions(:the_partitions), PartitionSupervisor.count_children(:the_partitions)]
      :which -> PartitionSupervisor.which_children(:the_partitions) |> Enum.map(fn {id, p, t, m} -> {id, is_pid(p), t, m} end)
      :integer -> for key <- [0, 1, 2, 3, 4, -1, -5], do: GenServer.whereis(via.(key)) == GenServer.whereis(via.(rem(abs(key), 3)))
      :call -> for key <- [0, 1, 7], do: Agent.get(via.(key), & &1)
      :term -> GenServer.whereis(via.({:any, "term"})) == GenServer.whereis(via.({:any, "term"}))
      :restart ->
        before = GenServer.whereis(via.(1))
        Process.exit(before, :kill)
        settle()
        now = GenServer.whereis(via.(1))
        [is_pid(now), now != before, Agent.get(via.(1), & &1)]
      :unknown -> [outcome(fn -> PartitionSupervisor.partitions(:unknown_partitions) end), outcome(fn -> GenServer.whereis({:via, PartitionSupervisor, {:unknown_partitions, 1}}) end)]
      :stop -> [PartitionSupervisor.stop(:the_partitions), Process.alive?(sup), mailbox() |> length()]
    end
  end

  def partition_arguments do
    {:ok, _} = PartitionSupervisor.start_link(child_spec: {Agent, fn -> :unused end}, name: :adapted, partitions: 3,
      with_arguments: fn [_], partition -> [fn -> {:partition, partition} end] end)
    for key <- 0..2, do: Agent.get({:via, PartitionSupervisor, {:adapted, key}}, & &1)
  end

  def partition_bad(what) do
    outcome(fn ->
      case what do
        :no_name -> PartitionSupervisor.start_link(child_spec: {Agent, fn -> 1 end})
        :no_spec -> PartitionSupervisor.start_link(name: :bad_partitions)
        :bad_count -> PartitionSupervisor.start_link(child_spec: {Agent, fn -> 1 end}, name: :bad_partitions, partitions: 0)
        :bad_arguments -> PartitionSupervisor.start_link(child_spec: {Agent, fn -> 1 end}, name: :bad_partitions, partitions: 1, with_arguments: fn _, _ -> :junk end)
      end
    end) |> elem(0)
  end
end

defmodule Apps do
  use Application

  def start(type, [how]) do
    Lab.say({:start, type, how})
    case how do
      :ok -> tree()
      :with_state -> {:ok, pid} = tree(); {:ok, pid, [:open]}
      :with_helper ->
        Process.register(spawn(fn -> Process.flag(:trap_exit, true); waits_on() end), :conformance_helper)
        tree()
      :callbacks_fail -> {:ok, pid} = tree(); {:ok, pid, [:fails]}
      :error -> {:error, :no}
      :raise -> raise "boom"
      :exit -> exit(:gone)
      :throw -> throw(:ball)
      :junk -> :junk
      :failing_tree -> Supervisor.start_link([%{id: :a, start: {Starting, :start, [{:error, :no}]}}], strategy: :one_for_one)
    end
  end

  # Outlives the tree: traps, and ignores every exit.
  defp waits_on, do: (receive do _ -> waits_on() end)

  defp tree, do: Supervisor.start_link([], strategy: :one_for_one) |> tap(fn {:ok, pid} -> if Process.whereis(:conformance_tree) == nil, do: Process.register(pid, :conformance_tree) end)

  def prep_stop(state) do
    Lab.say({:prep_stop, state, Process.whereis(:conformance_tree) != nil})
    if state == [:fails], do: raise("in prep_stop")
    [:closing | List.wrap(state)]
  end

  def stop(state) do
    Lab.say({:stop, state, Process.whereis(:conformance_tree) != nil})
    if state == [:fails], do: raise("in stop")
  end
end
