defmodule Told do
  @moduledoc "Does what it is told: requests are functions of the state (and of the caller)."
  use GenServer

  def init(start) when is_function(start, 0), do: start.()
  def init(state), do: {:ok, state}

  def handle_call(request, from, state) when is_function(request, 2), do: request.(from, state)
  def handle_call(:state, _, state), do: {:reply, state, state}

  def handle_cast(request, state) when is_function(request, 1), do: request.(state)
  def handle_cast({:put, state}, _), do: {:noreply, state}

  def handle_info(message, state) do
    Lab.say({:info, message})
    if is_function(message, 1), do: message.(state), else: {:noreply, state}
  end

  def handle_continue(argument, state) do
    Lab.say({:continue, argument})
    if is_function(argument, 1), do: argument.(state), else: {:noreply, state}
  end

  def terminate(reason, state), do: Lab.say({:terminate, reason, state})
end

defmodule Bare do
  use GenServer
  def init(state), do: {:ok, state}
end

defmodule Partial do
  use GenServer, restart: :transient, shutdown: 100
  def init(state), do: {:ok, state}
  def handle_call(:known, _, state), do: {:reply, :known, state}
  def handle_cast(:known, state), do: {:noreply, state}
  def handle_info(:known, state), do: {:noreply, state}
end

defmodule Pairs.Genserver do
  import Lab

  # Programs of vm/many.ex: what is said once its servers are cleared away is no part of it.
  def steps(_label, steps) do
    over = :counters.new(1, [])
    Peers.run(steps, fn
      {:step, :end} -> :counters.add(over, 1, 1)
      what -> if(:counters.get(over, 1) == 0, do: say(what), else: what)
    end, 30)
  end

  defp start(argument \\ 0) do
    {:ok, pid} = GenServer.start(Told, argument)
    pid
  end

  defp trapping(state \\ 0), do: fn -> trap(); {:ok, state} end

  # -- init ---------------------------------------------------------------------------------------

  def init_result(how, linked) do
    trap()
    start = fn ->
      case how do
        :ok -> {:ok, 1}
        :ok_timeout -> {:ok, 1, 10}
        :ok_zero -> {:ok, 1, 0}
        :ok_hibernate -> {:ok, 1, :hibernate}
        :ok_continue -> {:ok, 1, {:continue, :go}}
        :ignore -> :ignore
        :stop -> {:stop, :no}
        :stop_normal -> {:stop, :normal}
        :stop_shutdown -> {:stop, :shutdown}
        :raise -> raise "boom"
        :error -> :erlang.error(:my_error)
        :exit -> exit(:gone)
        :exit_normal -> exit(:normal)
        :throw_ok -> throw({:ok, 5})
        :throw -> throw(:ball)
        :junk -> :junk
        :bad_timeout -> {:ok, 1, -1}
        :nothing -> nil
      end
    end
    result = if linked, do: GenServer.start_link(Told, start), else: GenServer.start(Told, start)
    case result do
      {:ok, pid} -> say({:ok, Process.alive?(pid)}); settle(); say(outcome(fn -> GenServer.call(pid, :state) end) |> elem(0))
      other -> say(other)
    end
    settle()
    mailbox() |> Enum.map(fn {:EXIT, _, why} -> why end)
  end

  def init_runs_in_the_server do
    me = self()
    {:ok, pid} = GenServer.start_link(Told, fn -> send(me, {:in, self(), Process.whereis(:init_name) == self()}); {:ok, 1} end, name: :init_name)
    {:in, ^pid, named} = next()
    [named, GenServer.whereis(:init_name) == pid]
  end

  def name_taken(how) do
    Process.register(self(), :server_name_taken)
    name = if how == :free, do: :server_name_free, else: :server_name_taken
    case GenServer.start(Told, fn -> say(:init); {:ok, 1} end, name: name) do
      {:ok, pid} -> Process.whereis(name) == pid
      {:error, {:already_started, pid}} -> {:taken, pid == self()}
    end
  end

  def init_timeout do
    trap()
    say(GenServer.start_link(Told, fn -> Process.sleep(2000); {:ok, 1} end, timeout: 30, name: :slow_init))
    settle()
    [mailbox(), Process.whereis(:slow_init)]
  end

  def name_free_after_failed_start do
    trap()
    {:error, :no} = GenServer.start_link(Told, fn -> {:stop, :no} end, name: :failed_start)
    Process.whereis(:failed_start)
  end

  def starter_dies_of_failed_start(reason) do
    {_, ref} = spawn_monitor(fn ->
      GenServer.start_link(Told, fn -> {:stop, reason} end)
      Process.sleep(50)
      exit(:went_on)
    end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def dictionary_of_a_server do
    pid = start(fn -> {:ok, Process.get(:"$ancestors") |> length()} end)
    GenServer.call(pid, fn _, s -> {:reply, {s > 0, hd(Process.get(:"$ancestors")) |> is_pid()}, s} end)
  end

  # -- results ------------------------------------------------------------------------------------

  def call_result(how) do
    pid = start()
    ref = Process.monitor(pid)
    say(outcome(fn ->
      GenServer.call(pid, fn from, s ->
        case how do
          :reply -> {:reply, :answer, s + 1}
          :reply_continue -> {:reply, :answer, s + 1, {:continue, :more}}
          :reply_timeout -> {:reply, :answer, s + 1, 10}
          :reply_hibernate -> {:reply, :answer, s + 1, :hibernate}
          :noreply_then_reply -> GenServer.reply(from, :early); {:noreply, s + 1}
          :noreply_continue -> {:noreply, s + 1, {:continue, fn s -> GenServer.reply(from, :from_continue); {:noreply, s + 1} end}}
          :stop -> {:stop, :why, s + 1}
          :stop_normal -> {:stop, :normal, s + 1}
          :stop_reply -> {:stop, :why, :answer, s + 1}
          :stop_shutdown_reply -> {:stop, {:shutdown, 1}, :answer, s + 1}
          :raise -> raise "boom"
          :error -> :erlang.error(:my_error)
          :exit -> exit(:gone)
          :exit_normal -> exit(:normal)
          :throw_reply -> throw({:reply, :thrown, s + 1})
          :throw -> throw(:ball)
          :junk -> :junk
          :bad_timeout -> {:reply, :answer, s, -5}
          :bad_timeout_atom -> {:noreply, s, :soon}
          :nothing -> nil
        end
      end, 1000)
    end) |> strip())
    settle(40)
    say(outcome(fn -> GenServer.call(pid, :state) end) |> strip())
    receive do: ({:DOWN, ^ref, _, _, why} -> {:down, why}), after: (0 -> :lives)
  end

  # the function that was the request stands in the reason: left out
  defp strip({:exit, {reason, {GenServer, name, _}}}), do: {:exit, {reason, name}}
  defp strip(other), do: other

  def cast_result(how) do
    pid = start()
    ref = Process.monitor(pid)
    say(GenServer.cast(pid, fn s ->
      case how do
        :noreply -> {:noreply, s + 1}
        :reply -> {:reply, :answer, s + 1}
        :timeout -> {:noreply, s + 1, 10}
        :zero -> {:noreply, s + 1, 0}
        :continue -> {:noreply, s + 1, {:continue, fn s -> {:noreply, s + 1, {:continue, :last}} end}}
        :continue_reply -> {:noreply, s + 1, {:continue, fn s -> {:reply, :x, s} end}}
        :continue_stop -> {:noreply, s + 1, {:continue, fn s -> {:stop, :done, s + 1} end}}
        :continue_raise -> {:noreply, s + 1, {:continue, fn _ -> raise "boom" end}}
        :stop -> {:stop, :why, s + 1}
        :raise -> raise "boom"
        :throw -> throw({:noreply, 77})
      end
    end))
    settle(40)
    say(outcome(fn -> GenServer.call(pid, :state) end) |> strip())
    receive do: ({:DOWN, ^ref, _, _, why} -> {:down, why}), after: (0 -> :lives)
  end

  def info_result(how) do
    pid = start()
    ref = Process.monitor(pid)
    send(pid, fn s ->
      case how do
        :noreply -> {:noreply, s + 1}
        :stop -> {:stop, :why, s + 1}
        :exit -> exit(:gone)
      end
    end)
    settle()
    say(outcome(fn -> GenServer.call(pid, :state) end) |> strip())
    receive do: ({:DOWN, ^ref, _, _, why} -> {:down, why}), after: (0 -> :lives)
  end

  def everything_else_is_info do
    pid = start()
    other = spawn(fn -> idle() end)
    GenServer.call(pid, fn _, s -> Process.monitor(other); {:reply, :ok, s} end)
    Process.exit(other, :boom)
    send(pid, {:EXIT, self(), :fake})
    send(pid, {make_ref(), :stray})
    send(pid, :plain)
    settle()
    GenServer.call(pid, :state)
  end

  def in_order do
    pid = start([])
    GenServer.call(pid, fn _, s -> Process.sleep(30); {:reply, :ok, s} end) |> say()
    for n <- 1..3, do: GenServer.cast(pid, fn s -> {:noreply, [n | s]} end)
    send(pid, fn s -> {:noreply, [:info | s]} end)
    GenServer.call(pid, :state)
  end

  def continue_before_messages do
    pid = start()
    GenServer.cast(pid, fn s -> Process.sleep(30); {:noreply, s, {:continue, :first}} end)
    send(pid, :second)
    GenServer.cast(pid, fn s -> say(:third); {:noreply, s} end)
    GenServer.call(pid, :state)
  end

  def reply_before_continue do
    me = self()
    pid = start()
    answer = GenServer.call(pid, fn _, s -> {:reply, :answer, s, {:continue, fn s -> receive do: (:go -> :ok); send(me, :continued); {:noreply, s} end}} end)
    say(answer)
    send(pid, :go)
    next()
  end

  # -- timeouts -----------------------------------------------------------------------------------

  def timeout_is_cancelled_by_a_message do
    pid = start()
    GenServer.cast(pid, fn s -> {:noreply, s, 200} end)
    settle(30)
    send(pid, :message)
    settle(300)
    GenServer.call(pid, :state)
  end

  def timeout_again do
    pid = start()
    GenServer.cast(pid, fn s -> {:noreply, s, 200} end)
    settle(60)
    send(pid, fn s -> {:noreply, s, 300} end)
    settle(200)
    say(:not_yet)
    settle(200)
    GenServer.call(pid, :state)
  end

  def zero_timeout_loses do
    pid = start()
    GenServer.cast(pid, fn s -> Process.sleep(40); {:noreply, s, 0} end)
    send(pid, :waiting)
    settle(80)
    GenServer.call(pid, :state)
  end

  def timeout_looks_like_a_message do
    pid = start()
    send(pid, :timeout)
    GenServer.call(pid, :state)
  end

  def system_message_keeps_the_timeout do
    pid = start()
    GenServer.cast(pid, fn s -> {:noreply, s, 100} end)
    settle(60)
    say(:sys.get_state(pid))
    settle(60)
    say(:not_yet)
    settle(80)
    GenServer.call(pid, :state)
  end

  # -- ends ---------------------------------------------------------------------------------------

  def end_by(how, trapping) do
    trap()
    me = self()
    {:ok, pid} = GenServer.start_link(Told, fn -> trap(trapping); {:ok, :before} end)
    case how do
      :parent_exit -> Process.exit(pid, :parent_says)
      :parent_normal -> Process.exit(pid, :normal)
      :parent_shutdown -> Process.exit(pid, :shutdown)
      :kill -> Process.exit(pid, :kill)
      :stranger -> ended(spawn(fn -> Process.exit(pid, :stranger_says) end))
      :stop -> say(GenServer.stop(pid))
      :stop_reason -> say(outcome(fn -> GenServer.stop(pid, :my_reason) end))
      :stop_shutdown -> say(outcome(fn -> GenServer.stop(pid, {:shutdown, 1}) end))
      :linked -> GenServer.call(pid, fn _, s -> spawn_link(fn -> exit(:linked_died) end); {:reply, :ok, s} end)
      :linked_normal -> GenServer.call(pid, fn _, s -> spawn_link(fn -> :ok end); {:reply, :ok, s} end)
      :cast_after_exit -> Process.exit(pid, :parent_says); GenServer.cast(pid, {:put, :after})
      :cast_before_exit -> GenServer.cast(pid, {:put, :after}); Process.exit(pid, :parent_says)
    end
    settle()
    say(Process.alive?(pid))
    send(me, :last)
    mailbox() |> Enum.map(fn {:EXIT, ^pid, why} -> {:exit, why}; other -> other end)
  end

  def no_parent(reason) do
    pid = start(trapping())
    Process.exit(pid, reason)
    settle()
    outcome(fn -> GenServer.call(pid, :state) end) |> strip()
  end

  def terminate_does(how) do
    trap()
    {:ok, pid} = GenServer.start_link(Ending, how)
    say(outcome(fn -> GenServer.stop(pid, :asked) end))
    settle()
    mailbox() |> Enum.map(fn {:EXIT, ^pid, why} -> {:exit, why} end)
  end

  def state_at_terminate(how) do
    pid = start(:old)
    ref = Process.monitor(pid)
    GenServer.cast(pid, fn _ -> if how == :stop, do: {:stop, :why, :new}, else: raise("boom") end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def linked_to_a_stopping_server(reason, trapping) do
    {peer, ref} = spawn_monitor(fn ->
      trap(trapping)
      {:ok, pid} = GenServer.start_link(Told, 0)
      GenServer.cast(pid, fn s -> {:stop, reason, s} end)
      say({:peer, next(100)})
    end)
    receive do: ({:DOWN, ^ref, _, ^peer, why} -> why)
  end

  def reply_after_terminate do
    me = self()
    pid = start()
    spawn(fn -> send(me, {:answer, outcome(fn -> GenServer.call(pid, fn _, s -> {:stop, :normal, :late_reply, s} end) end)}) end)
    {:answer, answer} = next()
    say(answer)
    settle()
  end

  # -- defaults -----------------------------------------------------------------------------------

  def without_callback(what) do
    {:ok, pid} = GenServer.start(Bare, 7)
    ref = Process.monitor(pid)
    case what do
      :call -> say(outcome(fn -> GenServer.call(pid, :unknown) end) |> elem(0))
      :cast -> say(GenServer.cast(pid, :unknown))
      :info -> send(pid, :unknown)
    end
    settle()
    receive do
      {:DOWN, ^ref, _, _, {%RuntimeError{}, stack}} -> {:down, is_list(stack)}
    after
      0 -> Process.alive?(pid)
    end
  end

  def without_clause(what) do
    {:ok, pid} = GenServer.start(Partial, 7)
    ref = Process.monitor(pid)
    case what do
      :call -> say(outcome(fn -> GenServer.call(pid, :unknown) end) |> elem(0))
      :cast -> GenServer.cast(pid, :unknown)
      :info -> send(pid, :unknown)
    end
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def child_specs do
    [Told.child_spec(1), Partial.child_spec(1), Supervisor.child_spec({Told, 2}, id: :other, restart: :temporary)]
    |> Enum.map(fn spec -> Map.take(spec, [:id, :restart, :shutdown]) |> Map.put(:args, elem(spec.start, 2)) end)
    |> Enum.map(fn spec -> {spec.id, Map.get(spec, :restart, :permanent), Map.get(spec, :shutdown, 5000), spec.args} end)
  end

  # -- the client ---------------------------------------------------------------------------------

  def call_to(what) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    case what do
      :dead -> outcome(fn -> GenServer.call(dead, :hello) end)
      :free_name -> outcome(fn -> GenServer.call(:free_server_name, :hello, 100) end)
      :itself -> outcome(fn -> GenServer.call(self(), :hello) end)
      :not_a_server -> outcome(fn -> GenServer.call(spawn(fn -> idle() end), :hello, 20) end)
      :infinity -> outcome(fn -> GenServer.call(dead, :hello, :infinity) end)
    end
  end

  def cast_to(what) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    case what do
      :dead -> GenServer.cast(dead, :hello)
      :free_name -> GenServer.cast(:free_server_name, :hello)
    end
  end

  def late_reply(timeout) do
    pid = start()
    say(outcome(fn -> GenServer.call(pid, fn from, s -> Process.sleep(60); {:reply, {:late, is_tuple(from)}, s + 1} end, timeout) end) |> strip())
    settle(120)
    say(mailbox())
    GenServer.call(pid, :state)
  end

  def server_ends_in_call(reason) do
    pid = start()
    me = self()
    spawn(fn -> send(me, outcome(fn -> GenServer.call(pid, fn _, s -> {:noreply, s} end) end) |> strip()) end)
    settle()
    Process.exit(pid, reason)
    next()
  end

  def reply_by_another do
    pid = start()
    GenServer.call(pid, fn from, s -> spawn(fn -> say(GenServer.reply(from, :from_another)) end); {:noreply, s} end)
  end

  def reply_twice do
    pid = start()
    say(GenServer.call(pid, fn from, s -> GenServer.reply(from, :one); {:reply, :two, s} end))
    settle()
    mailbox()
  end

  def stop_of(what) do
    case what do
      :dead ->
        dead = spawn(fn -> :ok end)
        ended(dead)
        outcome(fn -> GenServer.stop(dead) end) |> strip()
      :free_name -> outcome(fn -> GenServer.stop(:free_server_name) end) |> strip()
      :timeout ->
        {:ok, pid} = GenServer.start(Ending, :slow)
        say(outcome(fn -> GenServer.stop(pid, :normal, 20) end) |> strip())
        ended(pid)
      :other_reason ->
        pid = start()
        GenServer.cast(pid, fn s -> Process.sleep(30); {:stop, :mine, s} end)
        outcome(fn -> GenServer.stop(pid, :normal) end) |> strip()
      :queue ->
        pid = start()
        GenServer.cast(pid, fn s -> Process.sleep(20); {:noreply, s + 1} end)
        GenServer.cast(pid, {:put, :served})
        GenServer.stop(pid)
    end
  end

  def suspended do
    pid = start()
    say(:sys.suspend(pid))
    say(:sys.suspend(pid))
    GenServer.cast(pid, {:put, 5})
    say(outcome(fn -> GenServer.call(pid, :state, 30) end) |> strip())
    say(:sys.get_state(pid))
    say(:sys.resume(pid))
    say(:sys.resume(pid))
    settle()
    say(:sys.replace_state(pid, fn s -> s + 1 end))
    GenServer.call(pid, :state)
  end

  def hibernated do
    pid = start()
    GenServer.cast(pid, fn s -> {:noreply, s + 1, :hibernate} end)
    settle()
    say(Process.info(pid, :current_function))
    GenServer.call(pid, :state)
  end

  def nested_calls do
    a = start(:a)
    b = start(:b)
    GenServer.call(a, fn _, s -> {:reply, {s, GenServer.call(b, :state)}, s} end)
  end

  def crossed_calls do
    a = start(:a)
    b = start(:b)
    me = self()
    GenServer.cast(a, fn s -> send(me, {:a, outcome(fn -> GenServer.call(b, fn _, t -> {:reply, outcome(fn -> GenServer.call(a, :state, 40) end) |> strip(), t} end, 400) end) |> strip()}); {:noreply, s} end)
    say(next())
    settle()
    [GenServer.call(a, :state), GenServer.call(b, :state)]
  end
end

defmodule Ending do
  use GenServer
  def init(how) do
    Process.flag(:trap_exit, true)
    {:ok, how}
  end
  def terminate(reason, how) do
    Lab.say({:terminate, reason})
    case how do
      :return -> :whatever
      :raise -> raise "in terminate"
      :exit -> exit(:in_terminate)
      :throw -> throw(:in_terminate)
      :slow -> Process.sleep(60)
    end
  end
end
