"""A system that makes ten thousand events: workers under a supervisor, asked by clients."""

from simkernel import GenServer, NoReply, Ok, Reply, Supervisor, sleep, spawn, spec


class Worker(GenServer):
    @staticmethod
    def start_link(name):
        return GenServer.start_link(Worker, name, name=name)

    def init(self, name):
        return Ok({"name": name, "count": 0, "last": None})

    def handle_call(self, request, caller, state):
        return Reply(state["count"], {**state, "count": state["count"] + 1, "last": request})

    def handle_cast(self, request, state):
        if request == "boom":
            raise ValueError("boom")
        return NoReply(state)


class Sup(Supervisor):
    def init(self, n):
        return Supervisor.init(
            [Supervisor.child_spec((Worker, f"w{i}"), id=f"w{i}") for i in range(n)],
            strategy="one_for_one",
        )


async def client(i, n, rounds):
    for r in range(rounds):
        await GenServer.call(f"w{(i + r) % n}", ("ask", i, r, "x" * 20))


@spec(settle=True)
async def main(workers=8, clients=5, rounds=133):
    await Supervisor.start_link(Sup, workers)
    for i in range(clients):
        spawn(client, i, workers, rounds)
    await sleep(10)
