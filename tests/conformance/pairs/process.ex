defmodule Pairs.Process do
  import Lab

  # -- exit signals -------------------------------------------------------------------------------

  def exit_signal(reason, origin, trapping) do
    main = self()
    {victim, ref} = spawn_monitor(fn ->
      trap(trapping)
      send(main, :ready)
      receive do
        {:link, pid} -> Process.link(pid)
        :own -> Process.exit(self(), reason)
        :wait -> :ok
      end
      send(main, :set)
      say({:got, next(100)})
    end)
    :ready = next()
    case origin do
      :call -> send(victim, :wait); :set = next(); Process.exit(victim, reason)
      :own -> send(victim, :own)
      :link ->
        helper = spawn(fn -> receive do: (:die -> exit(reason)) end)
        send(victim, {:link, helper})
        :set = next()
        send(helper, :die)
    end
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def way_to_end(how) do
    {_, ref} = spawn_monitor(fn ->
      case how do
        :return -> :whatever
        :exit -> exit(:boom)
        :exit_normal -> exit(:normal)
        :exit_kill -> exit(:kill)
        :exit_tuple -> exit({:shutdown, 1})
        :raise -> raise "boom"
        :error -> :erlang.error(:my_error)
        :badarg -> :erlang.error(:badarg)
        :throw -> throw(:ball)
      end
    end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def caught(how) do
    try do
      case how do
        :exit -> exit(:boom)
        :throw -> throw(:ball)
        :raise -> raise "boom"
        :error -> :erlang.error(:my_error)
      end
    catch
      :exit, reason -> {:exit, reason}
      :throw, value -> {:throw, value}
      :error, %RuntimeError{} = error -> {:error, error}
      :error, error -> {:error, error}
    end
  end

  def chain(reason, trapping) do
    main = self()
    {last, ref} = spawn_monitor(fn ->
      trap(trapping)
      middle = spawn_link(fn ->
        first = spawn_link(fn -> receive do: (:never -> :ok) end)
        send(main, first)
        receive do: (:never -> :ok)
      end)
      send(main, {:middle, middle})
      say({:got, next(200)})
    end)
    {:middle, middle} = next()
    first = next()
    middle_ref = Process.monitor(middle)
    Process.exit(first, reason)
    middle_end = receive do: ({:DOWN, ^middle_ref, _, _, why} -> {:middle, why}), after: (500 -> :middle_lives)
    settle()
    say(middle_end)
    receive do: ({:DOWN, ^ref, _, ^last, why} -> why)
  end

  def first_signal_decides do
    {victim, ref} = spawn_monitor(fn -> idle() end)
    Process.exit(victim, :one)
    Process.exit(victim, :two)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def message_before_exit(trapping) do
    main = self()
    {victim, ref} = spawn_monitor(fn ->
      trap(trapping)
      send(main, :ready)
      receive do: (:go -> :ok)
      say(next())
      say(next())
    end)
    :ready = next()
    if trapping do
      send(victim, :m)
      Process.exit(victim, :boom)
      send(victim, :go)
    else
      send(victim, :m)
      Process.exit(victim, :boom)
    end
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def exit_then_ask do
    victim = spawn(fn -> idle() end)
    say(Process.exit(victim, :boom))
    say(Process.alive?(victim))
    other = spawn(fn -> idle() end)
    Process.exit(other, :boom)
    say(Process.info(other, :message_queue_len))
    Process.exit(victim, :again)
  end

  def exit_on(what) do
    target = case what do
      :atom -> :some_name
      :integer -> 7
      :ref -> make_ref()
    end
    outcome(fn -> Process.exit(target, :boom) end)
  end

  def trapping_off do
    trap()
    me = self()
    send(self(), :first)
    spawn(fn -> Process.exit(me, :one) end) |> ended()
    settle()
    {victim, ref} = spawn_monitor(fn ->
      trap()
      send(me, {:victim, self()})
      receive do: ({:EXIT, _, _} = m -> say(elem(m, 2)))
      trap(false)
      send(me, :off)
      idle()
    end)
    receive do: ({:victim, ^victim} -> :ok)
    Process.exit(victim, :converted)
    receive do: (:off -> :ok)
    Process.exit(victim, :deadly)
    receive do: ({:DOWN, ^ref, _, _, why} -> say(why))
    mailbox() |> Enum.map(fn {:EXIT, _, r} -> r; other -> other end)
  end

  def killed_runs_nothing(reason) do
    main = self()
    {victim, ref} = spawn_monitor(fn ->
      try do
        send(main, :in)
        receive do: (:never -> :ok)
      after
        say(:finally)
      end
    end)
    :in = next()
    Process.exit(victim, reason)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def finally_runs_on(how) do
    {_, ref} = spawn_monitor(fn ->
      try do
        if how == :exit, do: exit(:boom), else: throw(:ball)
      after
        say(:finally)
      end
    end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  # -- links --------------------------------------------------------------------------------------

  def link_to_the_dead(trapping) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    trap(trapping)
    say(outcome(fn -> Process.link(dead) end))
    settle()
    mailbox()
  end

  def link_to_the_dead_uncaught do
    dead = spawn(fn -> :ok end)
    ended(dead)
    {_, ref} = spawn_monitor(fn -> Process.link(dead) end)
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def link_twice do
    trap()
    pid = spawn(fn -> idle() end)
    say([Process.link(pid), Process.link(pid)])
    say(Process.info(self(), :links) |> elem(1) |> Enum.count(&(&1 == pid)))
    Process.unlink(pid)
    Process.exit(pid, :boom)
    settle()
    mailbox()
  end

  def link_to_oneself do
    say(Process.link(self()))
    say(Process.unlink(self()))
    Process.info(self(), :links)
  end

  def symmetric(who) do
    trap()
    me = self()
    pid = spawn(fn ->
      trap()
      Process.link(me)
      send(me, :linked)
      say({:theirs, next(200)})
    end)
    :linked = next()
    if who == :mine, do: ended(pid), else: Process.exit(pid, :kill)
    settle()
    mailbox() |> Enum.map(fn {:EXIT, ^pid, r} -> r end)
  end

  def spawn_link_crash do
    trap()
    pid = spawn_link(fn -> exit(:at_once) end)
    {:EXIT, ^pid, reason} = next()
    {_, ref} = spawn_monitor(fn -> exit(:at_once) end)
    {:DOWN, ^ref, :process, _, why} = next()
    [reason, why]
  end

  def inherits_nothing do
    trap()
    Process.put(:key, 1)
    other = spawn(fn -> idle() end)
    Process.link(other)
    Process.register(self(), :inherits_nothing)
    me = self()
    spawn(fn ->
      send(me, Process.info(self(), [:links, :monitors, :trap_exit, :registered_name, :dictionary]))
    end)
    next()
  end

  def unlink_anyone do
    dead = spawn(fn -> :ok end)
    ended(dead)
    [Process.unlink(dead), Process.unlink(spawn(fn -> idle() end)), Process.unlink(self())]
  end

  def unlink_leaves_the_message do
    trap()
    pid = spawn_link(fn -> exit(:gone) end)
    settle()
    Process.unlink(pid)
    receive do
      {:EXIT, ^pid, reason} -> say(reason)
    after
      0 -> say(:none)
    end
    mailbox()
  end

  def unlink_before_the_end do
    pid = spawn_link(fn -> idle() end)
    Process.unlink(pid)
    Process.exit(pid, :boom)
    settle()
    :survived
  end

  def link_again do
    trap()
    pid = spawn_link(fn -> idle() end)
    Process.unlink(pid)
    Process.link(pid)
    send(pid, {:end, :boom})
    {:EXIT, ^pid, reason} = next()
    settle()
    [reason | mailbox()]
  end

  def exit_before_down(order) do
    trap()
    pid = spawn(fn -> receive do: (:die -> exit(:gone)) end)
    if order == :monitor_first do
      Process.monitor(pid)
      Process.link(pid)
    else
      Process.link(pid)
      Process.monitor(pid)
    end
    settle()
    send(pid, :die)
    settle()
    mailbox() |> Enum.map(&elem(&1, 0))
  end

  # -- monitors -----------------------------------------------------------------------------------

  def monitor_of(what) do
    target = case what do
      :live -> spawn(fn -> receive do: (:die -> exit(:gone)) end)
      :dead -> pid = spawn(fn -> :ok end); ended(pid); pid
      :free_name -> :free_name_to_monitor
      :name ->
        pid = spawn(fn -> receive do: (:die -> exit(:gone)) end)
        Process.register(pid, :monitored_name)
        :monitored_name
      :self -> self()
    end
    ref = Process.monitor(target)
    say(is_reference(ref))
    settle()
    if what in [:live, :name], do: send(target, :die)
    settle()
    mailbox()
  end

  def many_monitors do
    pid = spawn(fn -> idle() end)
    refs = for _ <- 1..3, do: Process.monitor(pid)
    Process.demonitor(hd(refs))
    Process.exit(pid, :boom)
    settle()
    mailbox() |> Enum.map(fn {:DOWN, ref, :process, ^pid, r} -> {Enum.find_index(refs, &(&1 == ref)), r} end) |> Enum.sort()
  end

  def monitor_keeps_to_the_process do
    first = spawn(fn -> idle() end)
    Process.register(first, :moving_name)
    ref = Process.monitor(:moving_name)
    Process.unregister(:moving_name)
    second = spawn(fn -> idle() end)
    Process.register(second, :moving_name)
    Process.exit(second, :boom)
    settle()
    say(mailbox())
    Process.exit(first, :bang)
    {:DOWN, ^ref, :process, object, why} = next()
    {object |> elem(0), why}
  end

  def demonitor_when(state, options) do
    pid = spawn(fn -> idle() end)
    ref = case state do
      :running -> Process.monitor(pid)
      :fired -> ref = Process.monitor(pid); Process.exit(pid, :boom); settle(); ref
      :unknown -> make_ref()
      :twice -> ref = Process.monitor(pid); Process.demonitor(ref); ref
    end
    say(Process.demonitor(ref, options))
    Process.exit(pid, :boom)
    settle()
    mailbox() |> Enum.map(&elem(&1, 4))
  end

  def watcher_dies do
    pid = spawn(fn -> idle() end)
    me = self()
    watcher = spawn(fn -> Process.monitor(pid); send(me, :watching); idle() end)
    :watching = next()
    Process.exit(watcher, :kill)
    ended(watcher)
    settle()
    Process.info(pid, :monitored_by)
  end

  def messages_before_down do
    me = self()
    {_, ref} = spawn_monitor(fn -> for n <- 1..3, do: send(me, n); exit(:done) end)
    settle()
    mailbox() |> Enum.map(fn {:DOWN, ^ref, _, _, why} -> {:down, why}; n -> n end)
  end

  # -- aliases ------------------------------------------------------------------------------------

  def alias_after(mode, action) do
    pid = spawn(fn -> idle() end)
    ref = case mode do
      :explicit -> :erlang.alias([:explicit_unalias])
      :reply -> :erlang.alias([:reply])
      :monitor_explicit -> :erlang.monitor(:process, pid, alias: :explicit_unalias)
      :monitor_demonitor -> :erlang.monitor(:process, pid, alias: :demonitor)
      :monitor_reply -> :erlang.monitor(:process, pid, alias: :reply_demonitor)
    end
    case action do
      :nothing -> :ok
      :unalias -> say(:erlang.unalias(ref))
      :message -> send(ref, :first)
      :demonitor -> Process.demonitor(ref)
      :down -> Process.exit(pid, :boom)
    end
    settle()
    send(ref, :probe)
    settle()
    say(mailbox() |> Enum.map(fn {:DOWN, _, _, _, why} -> {:down, why}; other -> other end))
    say(:erlang.unalias(ref))
    Process.exit(pid, :bang)
    settle()
    mailbox() |> Enum.map(fn {:DOWN, _, _, _, why} -> {:down, why}; other -> other end)
  end

  def alias_of_another do
    me = self()
    other = spawn(fn -> send(me, :erlang.alias()); say({:theirs, next()}) end)
    ref = next()
    say(:erlang.unalias(ref))
    send(ref, :hello)
    ended(other)
    send(ref, :late)
    mailbox()
  end

  # -- names --------------------------------------------------------------------------------------

  def register_bad(why) do
    pid = spawn(fn -> idle() end)
    {target, name} = case why do
      :taken -> Process.register(spawn(fn -> idle() end), :taken_name); {pid, :taken_name}
      :named -> Process.register(pid, :one_name); {pid, :another_name}
      :dead -> Process.exit(pid, :kill); ended(pid); {pid, :name_of_the_dead}
      nil -> {pid, nil}
      true -> {pid, true}
      :undefined -> {pid, :undefined}
      :number -> {pid, 7}
    end
    outcome(fn -> Process.register(target, name) end) |> elem(0)
  end

  def name_life do
    pid = spawn(fn -> idle() end)
    say(Process.whereis(:name_life))
    say(Process.register(pid, :name_life))
    say(Process.whereis(:name_life) == pid)
    say(Process.info(pid, :registered_name))
    say(Process.unregister(:name_life))
    say(Process.info(pid, :registered_name))
    say(outcome(fn -> Process.unregister(:name_life) end))
    say(Process.register(pid, :name_life_2))
    Process.exit(pid, :kill)
    ended(pid)
    say(Process.whereis(:name_life_2))
    Process.register(self(), :name_life_2)
  end

  def name_is_free_at_down do
    me = self()
    results = for _ <- 1..20 do
      {pid, ref} = spawn_monitor(fn ->
        Process.register(self(), :free_at_down)
        :ets.new(:table_free_at_down, [:named_table])
        send(me, :named)
        receive do: (:die -> :ok)
      end)
      :named = next()
      send(pid, :die)
      receive do: ({:DOWN, ^ref, _, _, _} -> :ok)
      {Process.whereis(:free_at_down), :ets.info(:table_free_at_down) == :undefined, Process.alive?(pid)}
    end
    Enum.uniq(results)
  end

  def send_to(what) do
    target = case what do
      :pid -> self()
      :dead -> pid = spawn(fn -> :ok end); ended(pid); pid
      :name -> Process.register(self(), :sent_to); :sent_to
      :free_name -> :free_name_to_send_to
      :node_name -> {:free_name_to_send_to, node()}
      :own_node_name -> Process.register(self(), :sent_to); {:sent_to, node()}
      :unknown_alias -> make_ref()
    end
    say(outcome(fn -> send(target, {:hello, 1}) end))
    settle()
    mailbox()
  end

  # -- receive ------------------------------------------------------------------------------------

  def mailbox_order_first do
    for m <- [:x, :b, :a], do: send(self(), m)
    say(receive do: (:a -> :a; :b -> :b))
    mailbox()
  end

  def clause_order_for_one_message do
    send(self(), {:k, 1})
    receive do
      {:k, n} when n > 1 -> :big
      {:k, _} -> :any
    end
  end

  def selective do
    for n <- 1..5, do: send(self(), n)
    say(receive do: (3 -> 3))
    send(self(), 6)
    say(receive do: (n when n > 4 -> n))
    mailbox()
  end

  def after_zero do
    for n <- 1..5, do: send(self(), n)
    say(receive do: (5 -> :found), after: (0 -> :timeout))
    say(receive do: (9 -> :found), after: (0 -> :timeout))
    mailbox()
  end

  def after_is_not_restarted do
    me = self()
    spawn(fn -> for _ <- 1..8 do Process.sleep(160); send(me, :noise) end end)
    send_after = Process.send_after(self(), :late, 1040)
    say(receive do: (:late -> :late), after: (640 -> :timeout))
    say(Process.cancel_timer(send_after) != false)
    receive do: (:never -> :ok), after: (1600 -> length(mailbox()))
  end

  def strict_match(message) do
    send(self(), message)
    receive do: (1 -> :integer; 1.0 -> :float; true -> true; nil -> nil; _ -> :other)
  end

  def guard_that_raises do
    send(self(), :atom)
    receive do
      m when hd(m) == 1 -> :list
      m when is_atom(m) -> :atom
    end
  end

  def map_and_tuple_patterns do
    send(self(), {:a, 1, 2})
    send(self(), %{k: 1, extra: 2})
    say(receive do: ({:a, _} -> :pair; {:a, _, _} -> :triple))
    receive do: (%{k: n} -> n)
  end

  # -- timers -------------------------------------------------------------------------------------

  def send_after(ms) do
    say(is_reference(Process.send_after(self(), :tick, ms)))
    say(next(3000))
    outcome(fn -> Process.send_after(self(), :tick, -1) end)
  end

  def start_timer_message do
    ref = :erlang.start_timer(20, self(), :msg)
    {:timeout, ^ref, :msg} = say(next())
  end

  def cancel(state) do
    ref = case state do
      :running -> Process.send_after(self(), :tick, 5000)
      :fired -> ref = Process.send_after(self(), :tick, 1); settle(); ref
      :cancelled -> ref = Process.send_after(self(), :tick, 5000); Process.cancel_timer(ref); ref
      :unknown -> make_ref()
    end
    say(number(Process.read_timer(ref)))
    say(number(Process.cancel_timer(ref)))
    settle()
    mailbox()
  end

  defp number(n) when is_integer(n), do: :number
  defp number(other), do: other

  def timer_for(what) do
    pid = spawn(fn -> idle() end)
    case what do
      :name_taken_later ->
        Process.send_after(:timer_name, :tick, 400)
        Process.register(self(), :timer_name)
        next(3000)
      :free_name ->
        Process.send_after(:timer_free_name, :tick, 20)
        next(100)
      :dead ->
        ref = Process.send_after(pid, :tick, 5000)
        Process.exit(pid, :kill)
        ended(pid)
        settle()
        Process.cancel_timer(ref)
      :already_dead ->
        Process.exit(pid, :kill)
        ended(pid)
        ref = Process.send_after(pid, :tick, 5000)
        settle()
        Process.cancel_timer(ref)
    end
  end

  def absolute(delta) do
    Process.sleep(60)
    Process.send_after(self(), :tick, :erlang.monotonic_time(:millisecond) + delta, abs: true)
    next(3000)
  end

  def timers_in_order do
    Process.send_after(self(), 3, 150)
    Process.send_after(self(), 1, 20)
    Process.send_after(self(), 2, 80)
    [next(), next(), next()]
  end

  # -- information --------------------------------------------------------------------------------

  def information do
    trap()
    pid = spawn_link(fn -> idle() end)
    ref = Process.monitor(pid)
    Process.register(self(), :informed)
    send(self(), :a)
    send(self(), {:b, 1})
    say(Process.info(self(), :message_queue_len))
    say(Process.info(self(), :messages))
    say(Process.info(self(), [:trap_exit, :registered_name, :priority]))
    say(Process.info(pid, :monitored_by) |> elem(1) |> Enum.map(&(&1 == self())))
    say(Process.info(self(), :monitors))
    say(Process.info(pid, :links) |> elem(1) |> Enum.map(&(&1 == self())))
    say(Process.info(pid, :status))
    Process.demonitor(ref)
    Process.unlink(pid)
    Process.exit(pid, :kill)
    settle()
    [Process.info(pid), Process.info(pid, :links), Process.alive?(pid), Process.alive?(self())]
  end

  def info_bad_key, do: outcome(fn -> Process.info(self(), :no_such_key) end)

  def flags do
    [
      Process.flag(:trap_exit, true), Process.flag(:trap_exit, false), Process.flag(:trap_exit, true),
      Process.flag(:priority, :high), Process.flag(:priority, :normal)
    ]
  end

  def bad_flag(flag, value), do: outcome(fn -> Process.flag(flag, value) end)

  def dictionary do
    say([Process.put(:a, 1), Process.put(:a, 2), Process.get(:a), Process.get(:b), Process.get(:b, :default)])
    say([Process.delete(:a), Process.delete(:a), Process.get(:a)])
    Process.put(:z, nil)
    [Process.get(:z, :default), Process.get_keys() |> Enum.filter(&(&1 == :z))]
  end

  def hibernate(full) do
    me = self()
    {pid, ref} = spawn_monitor(fn ->
      send(me, :ready)
      receive do: (:go -> :ok)
      try do
        Process.hibernate(__MODULE__, :woken, [:arg])
      catch
        _, _ -> say(:not_reached)
      end
    end)
    :ready = next()
    if full, do: send(pid, :early)
    send(pid, :go)
    settle()
    unless full do
      say(Process.info(pid, :current_function))
      send(pid, :late)
    end
    receive do: ({:DOWN, ^ref, _, _, why} -> why)
  end

  def woken(arg) do
    say({:woken, arg, next()})
    exit(:slept)
  end


  def alias_message_stays do
    ref = :erlang.alias([:explicit_unalias])
    send(ref, :through)
    settle()
    say(:erlang.unalias(ref))
    mailbox()
  end
end
