defmodule Lab do
  @moduledoc """
  Runs scenarios on the VM. `main([input, output])` reads terms `{id, module, function, args}` and
  writes a line of JSON for each: its id and its log, in the words of tests/conformance/words.py.
  """

  @limit_ms 20_000

  # -- what scenarios use -------------------------------------------------------------------------

  @doc "Append to the log of the scenario, from any process; gives what was said."
  def say(what) do
    :ets.insert(:lab_log, {:erlang.unique_integer([:monotonic]), what})
    what
  end

  @doc "Give {:ok, value}, or {class, reason} of what was raised; errors as the VM's terms."
  def outcome(function) do
    {:ok, function.()}
  catch
    :error, %ArgumentError{} -> {:error, :badarg}
    class, reason -> {class, reason}
  end

  @doc "Monitor a process (or name) and wait for its end; gives the reason."
  def ended(who) do
    ref = Process.monitor(who)
    receive do
      {:DOWN, ^ref, :process, _, reason} -> reason
    after
      3000 -> :still_alive
    end
  end

  @doc "Take all messages that are there."
  def mailbox(found \\ []) do
    receive do
      message -> mailbox([message | found])
    after
      0 -> Enum.reverse(found)
    end
  end

  @doc "Wait for one message."
  def next(ms \\ 3000) do
    receive do
      message -> message
    after
      ms -> :nothing
    end
  end

  @doc "Wait until whatever goes on by itself is over."
  def settle(ms \\ 30), do: Process.sleep(ms)

  def trap(flag \\ true), do: Process.flag(:trap_exit, flag)

  @doc "A process that waits for ever, and says what it is told if it is asked to."
  def idle do
    receive do
      {:say, what} -> say(what)
      {:run, function} -> function.()
      {:end, reason} -> exit(reason)
    end
    idle()
  end

  # -- running ------------------------------------------------------------------------------------

  def main([input, output]) do
    :logger.set_primary_config(:level, :none)
    :timer.start()
    :ets.new(:lab_log, [:named_table, :public, :ordered_set])
    {:ok, scenarios} = :file.consult(to_charlist(input))
    Task.await(Task.async(fn -> :ok end))
    file = File.open!(output, [:write, :utf8])
    for scenario <- scenarios, do: IO.puts(file, run(scenario))
    File.close(file)
    System.halt(0)
  end

  defp run({id, module, function, args}) do
    :ets.delete_all_objects(:lab_log)
    before = MapSet.new(Process.list())
    names = MapSet.new(Process.registered())
    {pid, ref} = spawn_monitor(fn -> say({:returned, apply(module, function, args)}) end)
    receive do
      {:DOWN, ^ref, :process, ^pid, :normal} -> :ok
      {:DOWN, ^ref, :process, ^pid, reason} -> say({:crashed, reason})
    after
      @limit_ms -> say(:stuck)
    end
    clean(before, names)
    log = whole(for {_, what} <- :ets.tab2list(:lab_log), do: what)
    Words.line(id, log)
  end

  # What processes that are left say after the end is no part of the scenario.
  defp whole(log) do
    {told, rest} = Enum.split_while(log, fn entry -> not match?({:returned, _}, entry) end)
    told ++ Enum.take(rest, 1)
  end

  defp clean(before, names) do
    extra = for pid <- Process.list(), not MapSet.member?(before, pid), do: pid
    refs = for pid <- extra, do: Process.monitor(pid)
    for pid <- extra, do: Process.exit(pid, :kill)
    for ref <- refs do
      receive do
        {:DOWN, ^ref, _, _, _} -> :ok
      after
        1000 -> :ok
      end
    end
    if extra != [] or MapSet.new(Process.registered()) != names, do: again(before, names, extra)
  end

  defp again(_, _, []), do: :ok
  defp again(before, names, _), do: clean(before, names)
end

defmodule Words do
  @moduledoc "Writes terms in the form that both sides share; see tests/conformance/words.py."

  def line(id, log) do
    {entries, _} = Enum.map_reduce(log, %{}, &word/2)
    texts = Enum.map(entries, &quoted(IO.iodata_to_binary(&1)))
    IO.iodata_to_binary(["{\"id\": ", quoted(id), ", \"log\": [", Enum.join(texts, ", "), "]}"])
  end

  def word(nil, seen), do: {"nil", seen}
  def word(true, seen), do: {"true", seen}
  def word(false, seen), do: {"false", seen}

  def word(atom, seen) when is_atom(atom), do: {text(short(Atom.to_string(atom))), seen}
  def word(number, seen) when is_integer(number), do: {Integer.to_string(number), seen}
  def word(number, seen) when is_float(number), do: {:erlang.float_to_binary(number, [:short]), seen}
  def word(binary, seen) when is_binary(binary), do: {text(short(binary)), seen}
  def word(pid, seen) when is_pid(pid), do: symbol(pid, "pid", seen)
  def word(port, seen) when is_port(port), do: {"port", seen}
  def word(ref, seen) when is_reference(ref), do: symbol(ref, "ref", seen)
  def word(function, seen) when is_function(function), do: {"fun", seen}
  def word([], seen), do: {"[]", seen}

  def word(list, seen) when is_list(list) do
    cond do
      stack?(list) -> {"stack", seen}
      # The tag of a call with a time limit: here the reference itself.
      match?([:alias | ref] when is_reference(ref), list) -> word(tl(list), seen)
      not List.improper?(list) -> parts(list, "[", "]", seen)
      true -> {"improper", seen}
    end
  end

  def word(%Task{}, seen), do: {"task", seen}
  def word(%ArgumentError{}, seen), do: {"badarg", seen}

  def word(%{__exception__: true, __struct__: kind} = error, seen),
    do: {"%" <> short(Atom.to_string(kind)) <> "{" <> Exception.message(error) <> "}", seen}

  def word(%{__struct__: kind}, seen), do: {"%" <> short(Atom.to_string(kind)), seen}

  def word(map, seen) when is_map(map) do
    pairs = Enum.sort_by(Map.to_list(map), fn {key, _} -> IO.iodata_to_binary(elem(word(key, %{}), 0)) end)
    {items, seen} =
      Enum.map_reduce(pairs, seen, fn {key, value}, seen ->
        {key, seen} = word(key, seen)
        {value, seen} = word(value, seen)
        {[key, ": ", value], seen}
      end)
    {["%{", Enum.intersperse(items, ", "), "}"], seen}
  end

  def word(tuple, seen) when is_tuple(tuple), do: parts(Tuple.to_list(tuple), "{", "}", seen)

  defp parts(items, left, right, seen) do
    {items, seen} = Enum.map_reduce(items, seen, &word/2)
    {[left, Enum.intersperse(items, ", "), right], seen}
  end

  defp symbol(name, kind, seen) do
    case seen do
      %{^name => known} ->
        {known, seen}
      _ ->
        number = 1 + Enum.count(seen, fn {_, known} -> String.starts_with?(known, kind) end)
        {"#{kind}#{number}", Map.put(seen, name, "#{kind}#{number}")}
    end
  end

  defp short("nonode@nohost"), do: "nonode"
  # Elixir.GenServer and Some.Module are known by their last part.
  defp short("Elixir." <> _ = name), do: name |> String.split(".") |> List.last()
  defp short(name), do: name

  defp stack?(list) do
    Enum.all?(list, fn
      {m, f, a, where} -> is_atom(m) and is_atom(f) and (is_integer(a) or is_list(a)) and Keyword.keyword?(where)
      {f, a, where} -> is_function(f) and is_list(a) and is_list(where)
      _ -> false
    end)
  end

  defp text(string) do
    if string =~ ~r/^[\p{L}_$][\p{L}\p{N}_!?@.$]*$/u, do: string, else: quoted(string)
  end

  defp quoted(string) do
    escaped =
      string
      |> String.replace("\\", "\\\\")
      |> String.replace("\"", "\\\"")
      |> String.replace("\n", "\\n")
      |> String.replace("\t", "\\t")
    "\"" <> escaped <> "\""
  end
end
