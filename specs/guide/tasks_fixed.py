"""Tasks: an owner that survives late results and late urls alike.

It differs from `tasks_2.py` in one thing: a url that does not answer in time is given up alone, and
the others are fetched.
"""

from simkernel import Task, choose, log, work


async def send_email(user):
    await work(300)
    log(("sent a mail to", user))


async def expensive_computation():
    await work(await choose((2_000, 30_000)))
    return 42


async def fetch_url(url):
    await work(await choose((50, 5_000)))
    return ("body of", url)


async def main(users=2, urls=12):
    for user in range(users):
        Task.start(send_email, user)  # Fire and forget

    task = Task.async_(expensive_computation)  # Async/await
    match await Task.yield_(task, 30_000) or await Task.shutdown(task):
        case ("ok", result):
            log(("result", result))
        case None:
            result = None
            log("no result in time")

    pages = await Task.async_stream(
        range(urls), fetch_url, max_concurrency=10, on_timeout="kill_task"
    ).to_list()
    log(("fetched", len(pages)))
    assert len(pages) == urls
    return result
