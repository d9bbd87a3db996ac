defmodule Pairs.Timer do
  import Lab

  def once(how) do
    trap()
    victim = spawn(fn -> idle() end)
    ref = Process.monitor(victim)
    answer = case how do
      :send -> :timer.send_after(20, self(), :tick)
      :send_self -> :timer.send_after(20, :tick)
      :send_zero -> :timer.send_after(0, self(), :tick)
      :send_name -> Process.register(self(), :timed); :timer.send_after(20, :timed, :tick)
      :send_free_name -> :timer.send_after(20, :nobody_here, :tick)
      :send_negative -> :timer.send_after(-1, self(), :tick)
      :send_bad_target -> :timer.send_after(10, 7, :tick)
      :exit -> :timer.exit_after(20, victim, :boom)
      :kill -> :timer.kill_after(20, victim)
      :exit_negative -> :timer.exit_after(-5, victim, :boom)
      :apply -> :timer.apply_after(20, Lab, :say, [:applied])
      :apply_zero -> :timer.apply_after(0, Lab, :say, [:applied])
      :apply_bad -> :timer.apply_after(:soon, Lab, :say, [:applied])
      :exit_self -> :timer.exit_after(20, self(), :boom)
    end
    case answer do
      {:ok, {kind, r}} -> say({:ok, kind, is_reference(r)})
      other -> say(other)
    end
    settle(60)
    mailbox() |> Enum.map(fn {:DOWN, ^ref, _, _, why} -> {:down, why}; {:EXIT, _, why} -> {:exit, why}; other -> other end)
  end

  def cancelled(when_) do
    {:ok, tref} = case when_ do
      :sent -> :timer.send_after(30, self(), :tick)
      :applied -> :timer.apply_after(30, Lab, :say, [:applied])
      :interval -> :timer.send_interval(120, self(), :tick)
      :over -> :timer.send_after(1, self(), :tick)
      :instant -> :timer.send_after(0, self(), :tick)
    end
    if when_ in [:over], do: settle()
    if when_ == :interval, do: settle(300)
    say(:timer.cancel(tref))
    settle(if when_ == :interval, do: 180, else: 60)
    say(:timer.cancel(tref))
    mailbox()
  end

  def cancel_junk, do: [:timer.cancel(:junk), :timer.cancel({:once, 7}), :timer.cancel(7)]

  def interval(how) do
    victim = spawn(fn -> idle() end)
    answer = case how do
      :ticks -> :timer.send_interval(120, self(), :tick)
      :self -> :timer.send_interval(120, :tick)
      :target_dies -> :timer.send_interval(120, victim, {:say, :told})
      :apply -> :timer.apply_interval(120, Lab, :say, [:applied])
      :bad -> :timer.send_interval(-1, self(), :tick)
    end
    say(elem(answer, 0))
    if how == :target_dies, do: (Process.sleep(180); Process.exit(victim, :kill))
    settle(420)
    messages = mailbox()
    with {:ok, tref} <- answer, do: :timer.cancel(tref)
    messages
  end

  def system_time do
    {real, steady} = {System.system_time(:millisecond), System.monotonic_time(:millisecond)}
    Process.sleep(20)
    passed = System.system_time(:millisecond) - real
    other = System.monotonic_time(:millisecond) - steady
    [20 <= passed and passed < 500, abs(passed - other) <= 1]
  end

  def units, do: [:timer.seconds(2), :timer.minutes(1), :timer.hours(1), :timer.hms(1, 2, 3)]

  def sys_call(what) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    result = case what do
      :dead -> outcome(fn -> :sys.get_state(dead) end)
      :free_name -> outcome(fn -> :sys.suspend(:free_sys_name) end)
      :no_server -> outcome(fn -> :sys.get_state(spawn(fn -> idle() end), 20) end)
    end
    case result do
      {:exit, {reason, {:sys, name, _}}} -> {:exit, reason, name}
      other -> other
    end
  end
end
