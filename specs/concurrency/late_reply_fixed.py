"""A client that asks by hand and takes only what answers this question.

A late answer lies in the mailbox until the end of the client, unless an alias keeps it out: that is
what calls of a GenServer do.
"""

from simkernel import (
    ANY,
    TIMEOUT,
    choose,
    let,
    receive,
    self_,
    send,
    sleep,
    spawn,
)

PATIENCE_MS = 50


async def server():
    while True:
        match await receive(("ask", ANY, ANY, ANY), idle=True):
            case (_, client, ref, question):
                await sleep(await choose([1, 80]))
                send(client, reply(ref, question))


def reply(ref, question):
    return ("reply", ref, ("answer to", question))


def wanted(ref):
    return ("reply", ref, let("answer"))


async def asked(pid, question, ref):
    send(pid, ("ask", self_(), ref, question))
    taken = await receive(wanted(ref), after=PATIENCE_MS)
    return None if taken is TIMEOUT else taken["answer"]


async def main(questions=2):
    pid = spawn(server)
    for question in range(questions):
        answer = await asked(pid, question, question)
        assert answer in (None, ("answer to", question))
