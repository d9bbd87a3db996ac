"""A server that is killed and started again under its name, without waiting for its end.

`exit` only sends a signal: when the new one starts, the old one may still have the name.
"""

from simkernel import GenServer, Ok, Reply, exit, process_flag


class Cache(GenServer):
    def init(self, version):
        return Ok(version)

    def handle_call(self, request, caller, version):
        match request:
            case "version":
                return Reply(version, version)


async def gone(pid):
    exit(pid, "kill")


async def main():
    process_flag("trap_exit", True)
    _, old = await GenServer.start_link(Cache, 1, name="cache")
    await gone(old)
    match await GenServer.start_link(Cache, 2, name="cache"):
        case ("ok", _):
            assert await GenServer.call("cache", "version", timeout=None) == 2
        case ("error", reason):
            raise RuntimeError(reason)
