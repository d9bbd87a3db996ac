"""Processes, messages, links and monitors: the guide's first lines, one after the other.

A process is spawned and greeted. Another is spawned with a link, and raises. Then it is monitored,
and whoever waits for its DOWN handles the crash.

The lines stand here as the guide writes them, in one process, as one would type them into a shell.
"""

from simkernel import ANY, log, monitor, pin, receive, send, spawn, spawn_link


async def greeter():
    match await receive(("greet", str)):
        case ("greet", name):
            log(f"Hello, {name}!")


def boom():
    raise RuntimeError("boom")


def handle_crash(reason):
    log(("handled", reason))


async def main():
    pid = spawn(greeter)
    send(pid, ("greet", "Michael"))

    # Linked: crashes propagate both ways
    pid = spawn_link(boom)

    # Monitored: the crash is told one way
    ref = monitor(pid)
    match await receive(("DOWN", pin(ref), "process", pin(pid), ANY)):
        case ("DOWN", _, "process", _, reason):
            handle_crash(reason)
