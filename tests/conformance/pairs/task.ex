defmodule Pairs.Task do
  import Lab

  @bodies [:value, :slow, :crash, :exit, :exit_normal, :throw, :refuse, :never]
  def bodies, do: @bodies

  defp body(:value), do: fn -> :value end
  defp body(:slow), do: fn -> Process.sleep(300); :slow end
  defp body(:crash), do: fn -> raise "boom" end
  defp body(:exit), do: fn -> exit(:gone) end
  defp body(:exit_normal), do: fn -> exit(:normal) end
  defp body(:throw), do: fn -> throw(:ball) end
  defp body(:refuse), do: fn -> trap(); Process.sleep(3000) end
  defp body(:never), do: fn -> receive do: (:never -> :ok) end

  defp start(kind, what) do
    case kind do
      :async -> Task.async(body(what))
      _ ->
        {:ok, sup} = Task.Supervisor.start_link()
        if kind == :supervised, do: Task.Supervisor.async(sup, body(what)), else: Task.Supervisor.async_nolink(sup, body(what))
    end
  end

  defp clean({:exit, {reason, {Task, name, _}}}), do: {:exit, {reason, name}}
  defp clean(other), do: other

  defp left, do: mailbox() |> Enum.map(fn
    {:EXIT, _, why} -> {:exit, why}
    {:DOWN, _, :process, _, why} -> {:down, why}
    {ref, value} when is_reference(ref) -> {:reply, value}
    other -> other
  end)

  def collect(how, kind, what) do
    trap()
    task = start(kind, what)
    if how in [:shutdown_later], do: settle(20)
    say(outcome(fn ->
      case how do
        :await -> Task.await(task, 1000)
        :await_short -> Task.await(task, 60)
        :yield -> Task.yield(task, 60)
        :yield_twice -> {Task.yield(task, 60), Task.yield(task, 1000)}
        :shutdown -> settle(20); Task.shutdown(task, 100)
        :shutdown_now -> Task.shutdown(task, 100)
        :brutal -> settle(20); Task.shutdown(task, :brutal_kill)
        :ignore -> settle(20); Task.ignore(task)
        :twice -> {Task.yield(task, 1000), Task.yield(task, 60), Task.shutdown(task, 20)}
      end
    end) |> clean())
    settle(20)
    say(Process.alive?(task.pid))
    left()
  end

  def caller_not_trapping(kind, what) do
    {_, ref} = spawn_monitor(fn ->
      start(kind, what)
      Process.sleep(120)
      say({:still_here, left()})
    end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def owner_ends(kind, reason) do
    me = self()
    {_, ref} = spawn_monitor(fn ->
      task = start_under(me, kind)
      send(me, {:task, task})
      receive do: (:go -> exit(reason))
    end)
    {:task, pid} = next()
    send(me, :ok)
    owner = Process.info(self(), :monitors) |> elem(1) |> Keyword.get(:process)
    send(owner, :go)
    receive do: ({:DOWN, ^ref, _, _, why} -> say(why))
    settle()
    Process.alive?(pid)
  end

  defp start_under(_, :async), do: Task.async(body(:never)).pid
  defp start_under(_, :start_link), do: ({:ok, pid} = Task.start_link(body(:never)); pid)
  defp start_under(_, :start), do: ({:ok, pid} = Task.start(body(:never)); pid)

  def many(how) do
    trap()
    tasks = for what <- (case how do
        :all -> [:slow, :value]
        :one_fails -> [:value, :crash]
        :timeout -> [:value, :never]
        :yield -> [:value, :slow, :crash, :never]
      end), do: Task.async(body(what))
    say(outcome(fn ->
      if how == :yield, do: Task.yield_many(tasks, 1000) |> Enum.map(&elem(&1, 1)), else: Task.await_many(tasks, 1000)
    end) |> clean())
    Enum.map(tasks, &Process.alive?(&1.pid))
  end

  def raw(what) do
    trap()
    task = Task.async(body(what))
    settle(20)
    send(self(), {:pid, Process.alive?(task.pid)})
    left()
  end

  def not_owner(op) do
    task = Task.async(body(:never))
    me = self()
    spawn(fn ->
      send(me, outcome(fn ->
        case op do
          :await -> Task.await(task)
          :yield -> Task.yield(task)
          :shutdown -> Task.shutdown(task)
          :ignore -> Task.ignore(task)
        end
      end))
    end)
    next()
  end

  def completed(op) do
    task = Task.completed(7)
    outcome(fn ->
      case op do
        :await -> Task.await(task)
        :yield -> Task.yield(task)
        :await_many -> Task.await_many([task, Task.async(body(:value))])
        :shutdown -> Task.shutdown(task)
        :ignore -> Task.ignore(task)
      end
    end)
  end

  def callers do
    me = self()
    Task.async(fn ->
      send(me, {:callers, Process.get(:"$callers") == [me]})
      Task.async(fn -> Process.get(:"$callers") |> length() end) |> Task.await()
    end) |> Task.await() |> say()
    next()
  end

  def stream(label, items, options) do
    trap(Keyword.get(options, :trapping, true))
    nolink = Keyword.get(options, :nolink, false)
    options = options |> Keyword.drop([:trapping, :nolink]) |> Keyword.put_new(:max_concurrency, 8)
    label = to_string(label)
    work = fn
      {:value, ms, v} -> Process.sleep(ms * 4); v
      {:crash, ms, _} -> Process.sleep(ms * 4); raise "boom"
      {:exit, ms, r} -> Process.sleep(ms * 4); exit(r)
      {:refuse, _, _} -> trap(); Process.sleep(3000)
    end
    run = fn ->
      stream = if nolink do
        {:ok, sup} = Task.Supervisor.start_link()
        Task.Supervisor.async_stream_nolink(sup, items, work, options)
      else
        Task.async_stream(items, work, options)
      end
      if label == "taken", do: Enum.take(stream, 2), else: Enum.to_list(stream)
    end
    {_, ref} = spawn_monitor(fn ->
      trap(label != "not trapping")
      say(outcome(run))
      settle()
      say(left())
    end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def running_at_once(ordered) do
    counter = :ets.new(:counter, [:public])
    :ets.insert(counter, [{:now, 0}, {:most, 0}])
    Task.async_stream([55, 10, 10, 10, 10], fn ms ->
      now = :ets.update_counter(counter, :now, 1)
      if now > :ets.lookup_element(counter, :most, 2), do: :ets.insert(counter, {:most, now})
      Process.sleep(ms * 8)
      :ets.update_counter(counter, :now, -1)
      ms
    end, max_concurrency: 2, ordered: ordered) |> Enum.to_list() |> say()
    :ets.lookup_element(counter, :most, 2)
  end

  def supervised(what) do
    trap()
    {:ok, sup} = Task.Supervisor.start_link(max_children: 1)
    task = Task.Supervisor.async_nolink(sup, body(:never))
    case what do
      :max_async -> outcome(fn -> Task.Supervisor.async_nolink(sup, body(:value)) end) |> elem(0)
      :max_start -> Task.Supervisor.start_child(sup, body(:value))
      :terminate -> say(Task.Supervisor.terminate_child(sup, task.pid)); Task.yield(task, 100)
      :children -> Task.Supervisor.children(sup) == [task.pid]
      :stop -> Supervisor.stop(sup); Task.yield(task, 100)
    end
  end

  def start_child_restart(restart, what) do
    {:ok, sup} = Task.Supervisor.start_link(max_restarts: 2)
    counter = :ets.new(:counter, [:public])
    :ets.insert(counter, {:n, 0})
    {:ok, _} = Task.Supervisor.start_child(sup, fn ->
      n = :ets.update_counter(counter, :n, 1)
      say({:run, n})
      if n < 2 and what == :crash, do: exit(:boom)
    end, restart: restart)
    settle()
    :ets.lookup_element(counter, :n, 2)
  end

  def as_a_child do
    {:ok, sup} = Supervisor.start_link([{Task, fn -> say(:ran) end}], strategy: :one_for_one)
    settle()
    say(Task.child_spec(fn -> 1 end) |> Map.take([:restart]) |> Map.get(:restart))
    Supervisor.which_children(sup)
  end

  def source_raises do
    trap()
    items = Stream.map([1, 2, 3], fn 3 -> raise("no more"); n -> n end)
    say(outcome(fn -> Task.async_stream(items, fn n -> Process.sleep(20); n end, max_concurrency: 1) |> Enum.to_list() end))
    settle()
    left()
  end
end
