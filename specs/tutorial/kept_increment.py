"""Two clients that tell a counter to add one."""

from typing import Any

from simkernel import GenServer, Ok, Reply, Throw, receive, self_, send, spawn


class Cell(GenServer):
    """Hold one number."""

    def init(self, number: Any) -> Any:
        return Ok(number)

    def handle_call(self, request: Any, caller: Any, number: Any) -> Any:
        match request:
            case "read":
                return Reply(number, number)
            case ("add", more):
                return Reply("ok", number + more)


async def client(parent: Any, cell: Any) -> None:
    """Add one."""
    await GenServer.call(cell, ("add", 1), timeout=None)
    send(parent, "done")


async def main(clients: int = 2) -> Any:
    """Start a cell and its clients, wait for them, look at the sum."""
    _, cell = await GenServer.start_link(Cell, 0)
    for _ in range(clients):
        spawn(client, self_(), cell)
    for _ in range(clients):
        await receive("done")
    total = await GenServer.call(cell, "read", timeout=None)
    if total != clients:
        raise Throw(("lost", clients - total))
    return total
