defmodule Pairs.Registry do
  import Lab
  def steps(_label, actors, steps), do: Actors.run(actors, steps, &say/1, 15)

  def bad_start(what) do
    outcome(fn ->
      case what do
        :no_keys -> Registry.start_link(name: :r)
        :bad_keys -> Registry.start_link(keys: :some, name: :r)
        :no_name -> Registry.start_link(keys: :unique)
        :bad_partitions -> Registry.start_link(keys: :unique, name: :r, partitions: 0)
        :bad_listeners -> Registry.start_link(keys: :unique, name: :r, listeners: :me)
      end
    end) |> elem(0)
  end

  def twice do
    {:ok, pid} = Registry.start_link(keys: :unique, name: :twice)
    {:error, {:already_started, same}} = Registry.start_link(keys: :unique, name: :twice)
    same == pid
  end

  def unknown(op) do
    outcome(fn ->
      case op do
        :register -> Registry.register(:unknown_registry, :k, 1)
        :lookup -> Registry.lookup(:unknown_registry, :k)
        :keys -> Registry.keys(:unknown_registry, self())
        :count -> Registry.count(:unknown_registry)
        :meta -> Registry.meta(:unknown_registry, :k)
      end
    end)
  end

  def as_a_name do
    {:ok, _} = Registry.start_link(keys: :unique, name: :names)
    name = {:via, Registry, {:names, {:worker, 1}}}
    {:ok, pid} = Agent.start_link(fn -> 7 end, name: name)
    say(Agent.get(name, & &1))
    say(Registry.lookup(:names, {:worker, 1}) == [{pid, nil}])
    {:error, {:already_started, same}} = Agent.start_link(fn -> 8 end, name: name)
    say(same == pid)
    valued = {:via, Registry, {:names, :other, :value}}
    {:ok, other} = Agent.start_link(fn -> 9 end, name: valued)
    say(Registry.lookup(:names, :other) == [{other, :value}])
    Agent.stop(name)
    say(GenServer.whereis(name))
    say(outcome(fn -> GenServer.call(name, :hello) end) |> elem(0))
    GenServer.cast(name, :hello)
  end

  def duplicate_gives_no_names do
    {:ok, _} = Registry.start_link(keys: :duplicate, name: :no_names)
    outcome(fn -> GenServer.whereis({:via, Registry, {:no_names, :k}}) end) |> elem(0)
  end

  def name_is_free_at_once do
    {:ok, _} = Registry.start_link(keys: :unique, name: :at_once)
    results = for n <- 1..20 do
      me = self()
      {pid, ref} = spawn_monitor(fn -> Registry.register(:at_once, :k, n); send(me, :registered); receive do: (:die -> :ok) end)
      receive do: (:registered -> :ok)
      send(pid, :die)
      receive do: ({:DOWN, ^ref, _, _, _} -> :ok)
      Registry.lookup(:at_once, :k)
    end
    Enum.uniq(results)
  end

  def partition_crashes(kind) do
    {:ok, sup} = Registry.start_link(keys: kind, name: :crashing, partitions: 2)
    Registry.put_meta(:crashing, :m, 1)
    {_, pid, _, _} = Supervisor.which_children(sup) |> Enum.min_by(&inspect(elem(&1, 0)))
    before = Supervisor.which_children(sup) |> Enum.map(&elem(&1, 1)) |> MapSet.new()
    Process.exit(pid, :kill)
    settle()
    now = Supervisor.which_children(sup) |> Enum.map(&elem(&1, 1)) |> MapSet.new()
    [MapSet.size(MapSet.intersection(before, now)), Registry.count(:crashing), Registry.meta(:crashing, :m)]
  end
end
