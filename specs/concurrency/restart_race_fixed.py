"""A server that is killed and started again under its name, once its end has been heard of.

When a DOWN comes, the process has given back its name.
"""

from simkernel import ANY, GenServer, Ok, Reply, exit, monitor, pin, process_flag, receive


class Cache(GenServer):
    def init(self, version):
        return Ok(version)

    def handle_call(self, request, caller, version):
        match request:
            case "version":
                return Reply(version, version)


async def gone(pid):
    ref = monitor(pid)
    exit(pid, "kill")
    await receive(("DOWN", pin(ref), ANY, ANY, ANY))


async def main():
    process_flag("trap_exit", True)
    _, old = await GenServer.start_link(Cache, 1, name="cache")
    await gone(old)
    match await GenServer.start_link(Cache, 2, name="cache"):
        case ("ok", _):
            assert await GenServer.call("cache", "version", timeout=None) == 2
        case ("error", reason):
            raise RuntimeError(reason)
