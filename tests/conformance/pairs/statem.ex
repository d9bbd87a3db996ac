defmodule Fsm do
  @moduledoc """
  Machines whose callbacks do what a table says: rows {{state, type, content}, result}. In a result
  :FROM is the caller of the last call, :DATA the data and :"+" the data plus one.
  """

  def init({init, table}) do
    Process.put(:table, table)
    give(init, 0)
  end

  def handle(type, content, state, data) do
    kind = case type do
      {:call, from} -> Process.put(:from, from); :call
      other -> other
    end
    Lab.say({kind, content, state, data})
    found = Enum.find_value(Process.get(:table), fn {{s, t, c}, result} ->
      if (s === state or s === :_) and (t === kind or t === :_) and (c === content or c === :_), do: {:found, result}
    end)
    case found do
      {:found, result} -> give(result, data)
      nil -> :keep_state_and_data
    end
  end

  defp give({:raise, text}, _), do: raise(to_string(text))
  defp give({:error, reason}, _), do: :erlang.error(reason)
  defp give({:exit, reason}, _), do: exit(reason)
  defp give({:throw, value}, data), do: throw(put_in_place(value, data))
  defp give(result, data), do: put_in_place(result, data)

  defp put_in_place(:FROM, _), do: Process.get(:from)
  defp put_in_place(:DATA, data), do: data
  defp put_in_place(:+, data), do: data + 1
  defp put_in_place({:event_timeout, ms, content}, data), do: {:timeout, ms, put_in_place(content, data)}
  defp put_in_place({:event_timeout, ms, content, options}, data), do: {:timeout, ms, put_in_place(content, data), options}
  defp put_in_place({:event_timeout, action}, _), do: {:timeout, action}
  defp put_in_place({:abs_timeout, type, delta, content}, _),
    do: {type, :erlang.monotonic_time(:millisecond) + delta, content, [abs: true]}
  defp put_in_place(tuple, data) when is_tuple(tuple), do: List.to_tuple(put_in_place(Tuple.to_list(tuple), data))
  defp put_in_place(list, data) when is_list(list), do: Enum.map(list, &put_in_place(&1, data))
  defp put_in_place(other, _), do: other

  def terminate(reason, state, data) do
    Lab.say({:terminate, reason, state, data})
    case Enum.find(Process.get(:table), fn {{_, t, _}, _} -> t === :terminate end) do
      {_, result} -> give(result, data)
      nil -> :ok
    end
  end
end

for {name, modes} <- [
      {Fsm.Handle, [:handle_event_function]},
      {Fsm.HandleEnter, [:handle_event_function, :state_enter]},
      {Fsm.States, [:state_functions]},
      {Fsm.StatesEnter, [:state_functions, :state_enter]}
    ] do
  defmodule name do
    @behaviour :gen_statem
    def callback_mode, do: unquote(modes)
    def init(argument), do: Fsm.init(argument)
    def handle_event(type, content, state, data), do: Fsm.handle(type, content, state, data)
    for state <- [:s1, :s2, :s3] do
      def unquote(state)(type, content, data), do: Fsm.handle(type, content, unquote(state), data)
    end
    def terminate(reason, state, data), do: Fsm.terminate(reason, state, data)
  end
end

defmodule Fsm.Other do
  @behaviour :gen_statem
  def callback_mode, do: :handle_event_function
  def init(argument), do: Fsm.init(argument)
  def handle_event(type, content, state, data) do
    Lab.say(:other)
    Fsm.handle(type, content, state, data)
  end
  def terminate(reason, state, data), do: Lab.say({:other_terminate, reason, state, data})
end

defmodule Pairs.Statem do
  import Lab

  @modules %{handle: Fsm.Handle, handle_enter: Fsm.HandleEnter, states: Fsm.States, states_enter: Fsm.StatesEnter}

  def table(_label, mode, init, rows, script) do
    trap()
    case :gen_statem.start_link(@modules[mode], {module(init), module(rows)}, []) do
      {:ok, pid} ->
        for step <- script do
          say({:step, elem(step, 0)})
          perform(step, pid)
        end
        settle(40)
        messages = mailbox()
        if Process.alive?(pid), do: say({:state, :sys.get_state(pid)})
        Enum.map(messages, fn {:EXIT, ^pid, why} -> {:exit, why}; other -> other end)
      other ->
        settle()
        say(other)
        mailbox() |> Enum.map(fn {:EXIT, _, why} -> {:exit, why} end)
    end
  end

  # Modules have their names there.
  defp module(:OTHER), do: Fsm.Other
  defp module(tuple) when is_tuple(tuple), do: List.to_tuple(module(Tuple.to_list(tuple)))
  defp module(list) when is_list(list), do: Enum.map(list, &module/1)
  defp module(other), do: other

  defp perform({:cast, x}, pid), do: (:gen_statem.cast(pid, x); settle(12))
  defp perform({:info, x}, pid), do: (send(pid, x); settle(12))
  defp perform({:wait, ms}, _), do: Process.sleep(ms)
  defp perform({:exit, reason}, pid), do: (Process.exit(pid, reason); settle(12))
  defp perform({:stop, reason}, pid) do
    answer = outcome(fn -> :gen_statem.stop(pid, reason, :infinity) end)
    settle(12)
    say(answer)
  end
  defp perform({:many, casts}, pid) do
    :sys.suspend(pid)
    for x <- casts, do: :gen_statem.cast(pid, x)
    Process.sleep(400)
    :sys.resume(pid)
    settle(20)
  end
  defp perform({:call, x}, pid) do
    answer = short(outcome(fn -> :gen_statem.call(pid, x, 60) end))
    settle(12)
    say(answer)
  end
  defp perform({:call_later, x}, pid) do
    spawn(fn ->
      answer = short(outcome(fn -> :gen_statem.call(pid, x) end))
      settle(6)
      say({:answer, answer})
    end)
    settle(12)
  end

  defp short({:exit, {reason, {:gen_statem, :call, _}}}), do: {:exit, reason}
  defp short(other), do: other

  # -- clients ------------------------------------------------------------------------------------

  def client(what) do
    dead = spawn(fn -> :ok end)
    ended(dead)
    case what do
      :call_dead -> outcome(fn -> :gen_statem.call(dead, :hello, :infinity) end)
      :call_free_name -> outcome(fn -> :gen_statem.call(:free_machine_name, :hello, :infinity) end)
      :call_timeout -> outcome(fn -> :gen_statem.call(spawn(fn -> idle() end), :hello, 20) end)
      :cast_dead -> :gen_statem.cast(dead, :hello)
      :cast_free_name -> :gen_statem.cast(:free_machine_name, :hello)
      :stop_dead -> outcome(fn -> :gen_statem.stop(dead) end)
      :stop_free_name -> outcome(fn -> :gen_statem.stop(:free_machine_name) end)
      :system ->
        {:ok, pid} = :gen_statem.start(Fsm.Handle, {{:ok, :a, 1}, []}, [])
        say(:sys.get_state(pid))
        say(:sys.replace_state(pid, fn {s, d} -> {{s, :x}, d + 1} end))
        say(:sys.suspend(pid))
        :gen_statem.cast(pid, :late)
        settle()
        resumed = :sys.resume(pid)
        settle()
        say(resumed)
        :sys.get_state(pid)
      :hibernated ->
        {:ok, pid} = :gen_statem.start(Fsm.Handle, {{:ok, :a, 1, [:hibernate]}, []}, [])
        settle()
        Process.info(pid, :current_function)
    end
  end
end
