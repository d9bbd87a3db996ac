"""A system whose names and messages try to be markup, script and more."""

from simkernel import GenServer, NoReply, Ok, put, register, self_, sleep, spawn

EVIL = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


class Target(GenServer):
    def init(self, _):
        put("]]><!--", EVIL)
        return Ok({EVIL: "&amp;", "quote": "'\"`"})

    def handle_cast(self, request, state):
        return NoReply({**state, "last": request, "text": "\u202e\u2028${1+1}{{7*7}}"})


async def named():
    await register(self_(), "<b>bold</b>")
    await sleep(5)


async def main():
    _, pid = await GenServer.start_link(Target, EVIL, name="<i>t</i>")
    spawn(named)
    GenServer.cast(pid, EVIL)
    GenServer.cast("<i>t</i>", ("<svg/onload=alert(1)>", EVIL, "x" * 5000))
    await sleep(10)
    raise ValueError(EVIL)
