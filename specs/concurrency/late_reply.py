"""A client that asks by hand, gives up after a while, and then takes the old answer for the new.

Nothing in a message `("reply", answer)` says which question it answers.
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
    return ("reply", ("answer to", question))


def wanted(ref):
    return ("reply", let("answer"))


async def asked(pid, question, ref):
    send(pid, ("ask", self_(), ref, question))
    taken = await receive(wanted(ref), after=PATIENCE_MS)
    return None if taken is TIMEOUT else taken["answer"]


async def main(questions=2):
    pid = spawn(server)
    for question in range(questions):
        answer = await asked(pid, question, question)
        assert answer in (None, ("answer to", question))
