"""The guide's application tree: Repo, Cache, Task.Supervisor and Endpoint under one supervisor.

Clients ask the endpoint for pages. It looks into the cache, and on a miss asks the repo and fills
the cache. Meanwhile one of the children crashes, and the supervisor starts again what its
strategy says: that child alone (one_for_one), all of them (one_for_all), or it and those that
were started after it (rest_for_one). A client whose request is lost by that does what a person
does: it waits a moment and asks again. Which strategy it is, is one of the choices of a run.

Whatever the strategy and whenever the crash, every client gets its page in the end, the whole
tree runs again, and after `Application.stop` nothing of it is left.
"""

from simkernel import (
    ANY,
    Application,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Supervisor,
    Task,
    choose,
    exit,
    log,
    receive,
    self_,
    send,
    sleep,
    spawn_link,
    whereis,
)

PAGES = {"home": "Welcome", "about": "About us"}


class Repo(GenServer):
    @staticmethod
    def start_link(_):
        return GenServer.start_link(Repo, PAGES, name="MyApp.Repo")

    @staticmethod
    def get(key):
        return GenServer.call("MyApp.Repo", ("get", key))

    def init(self, rows):
        return Ok(rows)

    def handle_call(self, request, caller, rows):
        match request:
            case ("get", key):
                return Reply(rows[key], rows)


class Cache(GenServer):
    @staticmethod
    def start_link(_):
        return GenServer.start_link(Cache, {}, name="MyApp.Cache")

    @staticmethod
    def fetch(key):
        return GenServer.call("MyApp.Cache", ("fetch", key))

    @staticmethod
    def put(key, value):
        return GenServer.cast("MyApp.Cache", ("put", key, value))

    def init(self, entries):
        return Ok(entries)

    def handle_call(self, request, caller, entries):
        match request:
            case ("fetch", key) if key in entries:
                return Reply(("ok", entries[key]), entries)
            case ("fetch", _):
                return Reply("error", entries)

    def handle_cast(self, request, entries):
        match request:
            case ("put", key, value):
                return NoReply({**entries, key: value})


class Endpoint(GenServer):
    @staticmethod
    def start_link(_):
        return GenServer.start_link(Endpoint, "ok", name="MyAppWeb.Endpoint")

    @staticmethod
    def get(key):
        return GenServer.call("MyAppWeb.Endpoint", ("GET", key))

    def init(self, state):
        return Ok(state)

    async def handle_call(self, request, caller, state):
        match request:
            case ("GET", key):
                match await Cache.fetch(key):
                    case ("ok", page):
                        pass
                    case "error":
                        page = await Repo.get(key)
                        Cache.put(key, page)
                return Reply((200, page), state)


class MyApp(Application, app="my_app"):
    async def start(self, _type, _args):
        children = [
            Repo,
            (Cache, []),
            (Task.Supervisor, {"name": "MyApp.TaskSupervisor"}),
            Endpoint,
        ]
        strategy = await Application.get_env("my_app", "strategy", "one_for_one")
        return await Supervisor.start_link(children, strategy=strategy, name="MyApp.Supervisor")


STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
NAMES = ("MyApp.Repo", "MyApp.Cache", "MyApp.TaskSupervisor", "MyAppWeb.Endpoint")


async def client(main, key):
    for _ in range(100):
        try:
            answer = await Endpoint.get(key)
        except Exit as exited:
            log(("asks again for", key, exited.reason[0]))
            await sleep(10)
        else:
            send(main, ("page", key, answer))
            return
    send(main, ("page", key, "none"))


async def main(strategy=None, victim="MyApp.Cache", crashes=1, clients=2):
    strategy = strategy or await choose(STRATEGIES)
    await Application.put_env("my_app", "strategy", strategy)
    assert await Application.start(MyApp) == "ok"

    keys = [list(PAGES)[number % len(PAGES)] for number in range(clients)]
    for key in keys:
        spawn_link(client, self_(), key)
    for _ in range(crashes):
        if pid := await whereis(victim):
            exit(pid, "kill")
        await sleep(20)
    for key in keys:
        _, _, answer = await receive(("page", key, ANY))
        assert answer == (200, PAGES[key])

    assert None not in [await whereis(name) for name in NAMES]
    assert await Application.stop("my_app") == "ok"
    assert [await whereis(name) for name in NAMES] == [None] * len(NAMES)
