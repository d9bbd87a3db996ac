defmodule Pairs.Agent do
  import Lab

  defp start, do: ({:ok, pid} = Agent.start(fn -> 0 end); pid)
  defp strip({:exit, {reason, {GenServer, name, _}}}), do: {:exit, {reason, name}}
  defp strip(other), do: other

  def use(how) do
    pid = start()
    ref = Process.monitor(pid)
    say(outcome(fn ->
      case how do
        :get -> Agent.get(pid, &(&1 + 1))
        :update -> Agent.update(pid, &(&1 + 1))
        :get_and_update -> Agent.get_and_update(pid, &{&1, &1 + 5})
        :cast -> Agent.cast(pid, &(&1 + 7))
        :get_raises -> Agent.get(pid, fn _ -> raise "boom" end)
        :get_exits -> Agent.get(pid, fn _ -> exit(:gone) end)
        :get_throws -> Agent.get(pid, fn _ -> throw(:ball) end)
        :update_raises -> Agent.update(pid, fn _ -> raise "boom" end)
        :cast_raises -> Agent.cast(pid, fn _ -> raise "boom" end)
        :no_pair -> Agent.get_and_update(pid, fn _ -> :junk end)
        :timeout -> Agent.update(pid, fn s -> Process.sleep(60); s + 3 end, 20)
        :throw_reply -> Agent.get(pid, fn s -> throw({:reply, :thrown, s}) end)
        :stop -> Agent.stop(pid)
        :stop_reason -> Agent.stop(pid, :why)
        :message -> send(pid, :hello); :sent
      end
    end) |> strip())
    settle(90)
    say(outcome(fn -> Agent.get(pid, & &1) end) |> strip())
    receive do: ({:DOWN, ^ref, _, _, why} -> {:down, why}), after: (0 -> :lives)
  end

  def start_with(how) do
    trap()
    result = Agent.start_link(fn ->
      case how do
        :raise -> raise "boom"
        :exit -> exit(:gone)
        :throw -> throw(:ball)
        :value -> 1
      end
    end)
    say(case result do {:ok, _} -> :ok; other -> other end)
    settle()
    mailbox() |> Enum.map(fn {:EXIT, _, why} -> why end)
  end

  def named do
    {:ok, pid} = Agent.start_link(fn -> 5 end, name: :an_agent)
    [Agent.get(:an_agent, & &1), Process.whereis(:an_agent) == pid, elem(Agent.start(fn -> 1 end, name: :an_agent), 0)]
  end

  def nobody(how) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    outcome(fn ->
      case how do
        :get -> Agent.get(dead, & &1)
        :cast -> Agent.cast(dead, & &1)
        :free_name -> Agent.update(:free_agent_name, & &1)
      end
    end) |> strip()
  end

  def updates_are_not_lost do
    pid = start()
    tasks = for _ <- 1..10, do: Task.async(fn -> Agent.update(pid, &(&1 + 1)) end)
    Task.await_many(tasks)
    Agent.get(pid, & &1)
  end

  def runs_in_the_agent do
    pid = start()
    Agent.get(pid, fn _ -> self() end) == pid
  end
end
