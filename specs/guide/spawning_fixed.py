"""Processes, messages, links and monitors, and who is linked to a crash lives to handle it.

The lines are those of `spawning.py`, but for the first: this process traps exits. So the crash of
the process that it is linked to comes as a message, and does not end it before it has handled the
DOWN. The reason in that DOWN may still be "noproc": the process may be gone before it is monitored.
"""

from simkernel import ANY, log, monitor, pin, process_flag, receive, send, spawn, spawn_link


async def greeter():
    match await receive(("greet", str)):
        case ("greet", name):
            log(f"Hello, {name}!")


def boom():
    raise RuntimeError("boom")


def handle_crash(reason):
    log(("handled", reason))


async def main():
    process_flag("trap_exit", True)

    pid = spawn(greeter)
    send(pid, ("greet", "Michael"))

    # Linked: crashes propagate both ways
    pid = spawn_link(boom)

    # Monitored: the crash is told one way
    ref = monitor(pid)
    match await receive(("DOWN", pin(ref), "process", pin(pid), ANY)):
        case ("DOWN", _, "process", _, reason):
            handle_crash(reason)
