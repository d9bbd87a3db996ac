"""A queue that watches whom it gives a job, and hands it out again if they end before it is done.

A job may then be begun twice; that it is done once is for its result to see to, which is written
under the name of the job. Who asks while a job is being done may be needed for it yet: the end of
its worker may not have been heard of. Faults: check it with `--faults 1`.
"""

from simkernel import (
    GenServer,
    NoReply,
    Ok,
    Reply,
    demonitor,
    ets,
    monitor,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spec,
)


class Queue(GenServer):
    """Jobs that wait, and what is being done by whom."""

    def init(self, jobs):
        return Ok((jobs, ()))

    def handle_call(self, request, caller, state):
        waiting, taken = state
        match request:
            case "next" if waiting:
                first, *others = waiting
                return Reply(first, self.handed_out(caller[0], first, tuple(others), taken))
            case "next":
                return Reply("later" if taken else "none", state)
            case ("done", job):
                for ref, one in taken:
                    if one == job:
                        demonitor(ref)
                return Reply("ok", (waiting, tuple(one for one in taken if one[1] != job)))

    def handed_out(self, worker, job, waiting, taken):
        return (waiting, (*taken, (monitor(worker), job)))

    def handle_info(self, message, state):
        waiting, taken = state
        match message:
            case ("DOWN", ref, "process", _, _):
                back = tuple(job for of, job in taken if of == ref)
                return NoReply(((*waiting, *back), tuple(one for one in taken if one[0] != ref)))


async def worker(queue, results):
    while (job := await GenServer.call(queue, "next", timeout=None)) != "none":
        if job == "later":
            await sleep(10)
            continue
        await ets.insert_new(results, (job, "done"))
        await GenServer.call(queue, ("done", job), timeout=None)


async def crew(main, queue, results, crashes):
    """Keep one worker at work until one has ended in peace."""
    for _ in range(crashes + 1):
        monitor(spawn(worker, queue, results))
        match await receive():
            case ("DOWN", _, _, _, "normal"):
                break
    send(main, "finished")


@spec(victims=(worker,))
async def main(jobs=2):
    results = await ets.new("results", access="public")
    _, queue = await GenServer.start_link(Queue, tuple(range(jobs)))
    spawn(crew, self_(), queue, results, 1)
    await receive("finished")
    done = sorted(job for job, _ in await ets.tab2list(results))
    assert done == list(range(jobs))
