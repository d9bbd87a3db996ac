defmodule Pairs.Ets do
  import Lab
  def steps(_label, actors, steps), do: Actors.run(actors, steps, &say/1, 15)
end
