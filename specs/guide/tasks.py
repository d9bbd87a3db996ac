"""Tasks: fire and forget, async and await, a parallel map over urls.

A mail is sent by a task that nobody waits for. An expensive computation runs in a task, and its
owner awaits the result for 30 seconds. Then ten urls at a time are fetched.

The work takes what it takes: a computation may need as long as its owner waits, and a url may
answer as late as async_stream lets it. The calls are those of the guide, with its time limits.
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
    result = await Task.await_(task, 30_000)
    log(("result", result))

    pages = await Task.async_stream(range(urls), fetch_url, max_concurrency=10).to_list()
    log(("fetched", len(pages)))
    assert len(pages) == urls
    return result
