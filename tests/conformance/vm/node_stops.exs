# Run by test_node_stops.py, each case in a VM of its own, because the VM may stop by it:
# `elixir node_stops.exs FILE TYPE HOW`. What happens is written to FILE, a line each.
defmodule Noted do
  def say(what), do: File.write!(Application.fetch_env!(:kernel, :noted), "#{what}\n", [:append])
end

defmodule Noted.App do
  use Application

  def start(_, [_, "error"]), do: {:error, :nope}

  def start(_, [name, _]) do
    {:ok, pid} = Supervisor.start_link([], strategy: :one_for_one)
    Process.register(pid, :"#{name}_tree")
    {:ok, pid, name}
  end

  def stop(name), do: Noted.say("#{name} stopped")
end

defmodule Noted.Main do
  def start(name, type, how) do
    :application.load({:application, name, [{:description, 'x'}, {:vsn, '1'}, {:modules, []},
      {:registered, []}, {:applications, []}, {:mod, {Noted.App, [name, how]}}]})
    Application.start(name, type)
  end

  def main([file, type, how]) do
    Application.put_env(:kernel, :noted, file)
    :ok = start(:first, :temporary, "runs")
    :ok = start(:second, :temporary, "runs")
    started = start(:shop, String.to_atom(type), how)
    unless started == :ok, do: Process.sleep(1500)
    if started == :ok do
      tree = Process.whereis(:shop_tree)
      ref = Process.monitor(tree)
      case how do
        "kill" -> Process.exit(tree, :kill)
        _ -> Supervisor.stop(tree, String.to_atom(how))
      end
      receive do {:DOWN, ^ref, _, _, _} -> Process.sleep(1500) end
    end
    Noted.say("the node lives")
  end
end

Noted.Main.main(System.argv())
