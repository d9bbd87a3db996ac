"""What else could have happened: each prediction is a run, and each single change is found."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from checkers import prediction
from checkers.judged import Judged, judged_run
from checkers.plans import Order, plans
from checkers.prediction import RUN_MAX, Predicted, Prediction, Predictor, predict
from simkernel import (
    choose,
    log,
    receive,
    register,
    self_,
    send,
    spawn,
    unregister,
    whereis,
)
from simkernel import exit as kill
from simkernel.choice import Walk
from simkernel.cli.main import main as command
from simkernel.errors import UsageError
from simkernel.kernel.machine import Transition
from simkernel.settings import Settings
from simkernel.spec import Spec, of
from simkernel.terms import Pid
from tests.checkers.generated import main as acted
from tests.checkers.generated import written
from tests.checkers.one_change import Deeds, enumerated, main_of, sights_of, talk
from tests.checkers.one_change import predicted as predicted_sights
from tests.meta.house import ROOT

ANY = Settings(time="any")


def recorded(spec: Spec, seed: int = 0, settings: Settings = ANY) -> list[Transition]:
    """Make a random run, and give its transitions."""
    judged, walk, found = Judged(spec, {}, settings), Walk(seed), []
    while options := judged.m.enabled():
        found.append(walk.pick(options))
        judged.m.apply(found[-1])
    judged.m.close()
    return found


def predicted(main: Any, seed: int = 0, most: int = 1_000) -> tuple[list[Predicted], Prediction]:
    """Predict from a random run."""
    spec = of(main)
    return predict(spec, {}, ANY, recorded(spec, seed), most=most)


async def says(to: Any, word: Any) -> None:
    send(to, word)


@pytest.mark.parametrize("senders", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_a_receive_could_have_taken_each_other_message(senders: int, seed: int) -> None:
    async def main() -> Any:
        for number in range(senders):
            spawn(says, self_(), number)
        return await receive()

    found, work = predicted(main, seed)
    assert (len(found), work.blocked) == (senders - 1, 0)
    returned = {judged_run(of(main), {}, one.settings)[0].m.returned for one in found}
    assert len(returned) == senders - 1


@pytest.mark.parametrize("seed", range(3))
def test_messages_of_one_sender_keep_their_order(seed: int) -> None:
    async def both(to: Any) -> None:
        send(to, 1)
        send(to, 2)

    async def main() -> Any:
        spawn(both, self_())
        return await receive(), await receive()

    assert predicted(main, seed)[0] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_cause_cannot_come_after_what_it_caused(seed: int) -> None:
    async def answers(to: Any) -> None:
        await receive("ask")
        send(to, "answer")

    async def main() -> Any:
        other = spawn(answers, self_())
        spawn(says, self_(), "first")
        await receive("first")
        send(other, "ask")
        return await receive()

    assert predicted(main, seed)[0] == []


def test_a_timeout_could_have_come_first() -> None:
    async def main() -> Any:
        spawn(says, self_(), "answer")
        return await receive("answer", after=10)

    spec = of(main)
    judged = Judged(spec, {}, ANY)
    path = []
    while options := judged.m.enabled():
        path.append(next((o for o in options if o.kind not in ("expire", "timeout")), options[0]))
        judged.m.apply(path[-1])
    assert judged.m.returned == "answer"
    found, work = predict(spec, {}, ANY, path)
    assert work.blocked == 0
    assert any("time of <root> is over" in one.change for one in found)


def test_a_bad_run_is_found_from_a_good_one() -> None:
    async def main() -> Any:
        for number in range(4):
            spawn(says, self_(), number)
        taken = [await receive() for _ in range(4)]
        log(taken)
        assert taken[0] != 3

    spec = of(main)
    seed = next(seed for seed in range(99) if not _bad(spec, recorded(spec, seed)))
    found, _ = predicted(main, seed)
    bad = [one for one in found if one.findings]
    assert bad
    assert all("takes 3 instead of" in one.change for one in bad)


def _bad(spec: Spec, path: list[Transition]) -> bool:
    judged = Judged(spec, {}, ANY)
    for step in path:
        judged.apply(step)
    return bool(judged.findings(judged.ended()))


def replayed(seed: int) -> int:
    """Predict from a random program, and replay every prediction; gives how many there were."""
    ops = written(random.Random(seed), 7)

    async def main(ops: Any = ops) -> None:
        await acted(ops)

    found, work = predicted(main, seed, most=40)
    assert work.blocked == 0, seed
    for one in found:
        judged, _, again = judged_run(of(main), {}, one.settings)
        assert judged.m.count == one.transitions, seed
        assert tuple(again) == one.findings, seed
    return len(found)


def test_every_prediction_replays() -> None:
    assert sum(replayed(seed) for seed in range(40)) > 20


def test_a_message_that_is_handled_when_it_arrives_is_not_taken_for_a_kill_behind_it() -> None:
    # The trace handles both; the follower has handled the first already, at its arrival.
    assert replayed(46) > 0


@pytest.mark.slow
@pytest.mark.parametrize("start", range(40, 200, 40))
def test_every_prediction_of_200_random_programs_replays(start: int) -> None:
    assert sum(replayed(seed) for seed in range(start, start + 40)) > 10  # 17 to 57 in each forty


@pytest.mark.parametrize("timed", [False, True])
def test_every_random_run_can_be_followed(timed: bool) -> None:
    for seed in range(60):
        ops = written(random.Random(seed), 7, rare=True, timed=timed)

        async def main(ops: Any = ops) -> None:
            await acted(ops)

        path = recorded(of(main), seed)
        assert Predictor(of(main), {}, ANY).follow(path).events, seed


def compared(network: str, seeds: range) -> tuple[int, int]:
    """Compare the predictions of random programs with every interleaving; count first sights."""
    settings, found, refused = Settings(time="any", network=network), 0, 0
    for seed in seeds:
        bodies = talk(random.Random(seed), 9)

        async def main(bodies: Any = bodies) -> None:
            await main_of(bodies)

        spec = of(main)
        path = recorded(spec, seed, settings)
        known = frozenset(sights_of(main, network, path))
        every = enumerated(main, known, network)
        if every is not None:
            ours, work = predicted_sights(spec, settings, path, known)
            assert ours == every, (network, seed)
            assert work.found.blocked == 0
            found, refused = found + len(every), refused + work.found.impossible
    return found, refused


def test_no_other_message_or_timeout_of_a_receive_is_missed() -> None:
    found, refused = compared("node", range(12))
    assert found > 5
    assert refused > 0


@pytest.mark.long
@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_nothing_is_missed_in_200_random_programs(network: str, start: int) -> None:
    found, refused = compared(network, range(start, start + 50))
    assert found >= 20  # 25 to 60 in each fifty
    assert refused > 10


def differences(network: str, seeds: range, **more: bool) -> int:
    """Compare what is predicted of programs with tables, names, links and deaths with every
    interleaving: what each process can do or see first that it did not in the recorded run, all
    before it, of each process, being as it was. Gives how many such differences there are."""
    settings, found = Settings(time="any", network=network), 0
    for seed in seeds:
        ops = written(random.Random(seed), 6, **more)

        async def main(ops: Any = ops) -> None:
            await acted(ops)

        spec = of(main)
        path = recorded(spec, seed, settings)
        known = frozenset(sights_of(main, network, path, Deeds))
        every = enumerated(main, known, network, kind=Deeds, most=15_000)
        assert every is not None, (network, seed)
        ours, work = predicted_sights(spec, settings, path, known, kind=Deeds)
        assert ours == every, (network, seed)
        assert work.found.blocked == 0, (network, seed)
        found += len(every)
    return found


@pytest.mark.parametrize(("network", "count"), [("node", 21), ("cluster", 23)])
def test_nothing_that_one_change_leads_to_is_missed(network: str, count: int) -> None:
    assert differences(network, range(50)) == count


@pytest.mark.long
@pytest.mark.parametrize(("network", "count"), [("node", 169), ("cluster", 180)])
def test_nothing_that_one_change_leads_to_is_missed_in_600_programs(
    network: str, count: int
) -> None:
    assert differences(network, range(600)) == count


@pytest.mark.long
@pytest.mark.parametrize(("network", "count"), [("node", 60), ("cluster", 63)])
def test_nothing_is_missed_where_processes_look_at_queues_and_whole_tables(
    network: str, count: int
) -> None:
    assert differences(network, range(200), rare=True) == count


@pytest.mark.parametrize(("network", "count"), [("node", 7), ("cluster", 8)])
def test_nothing_is_missed_with_exact_timers(network: str, count: int) -> None:
    # Each deadline is compared with each other: few of these programs are soon looked through.
    assert differences(network, range(29), timed=True) == count


@pytest.mark.parametrize(("number", "network", "size", "rare"), [
    (574, "node", 6, False),  # a time-out behind a signal whose handling had to go
    (469, "node", 6, True),  # a process looks at its own queue, with its own message in it
    (770, "cluster", 7, False),  # a glance that an answer under way would hinder
    (1201, "node", 6, False),  # what died with an answer before its other signals
])  # fmt: skip
def test_what_is_planned_can_be_made(number: int, network: str, size: int, rare: bool) -> None:
    ops = written(random.Random(number), size, rare=rare)

    async def main(ops: Any = ops) -> None:
        await acted(ops)

    settings = Settings(time="any", network=network)
    found, work = predict(of(main), {}, settings, recorded(of(main), number, settings))
    assert found
    assert (work.blocked, work.stopped) == (0, "")


def test_what_no_exact_timers_allow_is_not_begun() -> None:
    ops = written(random.Random(103), 6, timed=True)

    async def main(ops: Any = ops) -> None:
        await acted(ops)

    _, work = predict(of(main), {}, ANY, recorded(of(main), 103))
    assert (work.blocked, work.stopped) == (0, "")
    assert work.impossible > 0


def test_limit_what_two_changes_lead_to_is_not_looked_for_with_one() -> None:
    async def chooses() -> None:
        log(await choose([1, 2]))

    async def main() -> None:
        kill(spawn(chooses), "kill")

    spec = of(main)
    path = next(path for path in (recorded(spec, seed) for seed in range(99))
                if not any(step.kind == "choose" for step in path))  # fmt: skip

    def logged(changes: int) -> set[Any]:
        found = Predictor(spec, {}, ANY).others(path, 1_000, changes=changes)
        runs = [judged_run(spec, {}, one.settings)[0].m for one in found]
        return {line for m in runs for line in m.logged}

    assert logged(1) == {1}  # that it is not killed is one change, and what it chooses another
    assert logged(2) == {1, 2}


def test_what_an_unnoticed_order_leads_to_is_found() -> None:
    async def names() -> None:
        await register(self_(), "one")
        await unregister("one")

    async def looks() -> Any:
        log(await whereis("one") is not None)

    async def main() -> None:
        spawn(names)
        spawn(looks)

    spec = of(main)
    path = next(path for path in (recorded(spec, seed) for seed in range(99))
                if path[-1].who == path[-2].who == Pid((1,)))  # fmt: skip
    found = predict(spec, {}, ANY, path)[0]
    logs = {line for one in found for line in judged_run(spec, {}, one.settings)[0].m.logged}
    assert True in logs


@pytest.mark.parametrize(("number", "network"), [
    (2811, "node"), (1902, "cluster"), (2584, "cluster"), (5694, "cluster")
])  # fmt: skip
def test_a_run_in_which_two_linked_ends_tell_each_other_can_be_followed(
    number: int, network: str
) -> None:
    ops = written(random.Random(number), 7)

    async def main(ops: Any = ops) -> None:
        await acted(ops)

    settings = Settings(time="any", network=network)
    path = recorded(of(main), number, settings)
    assert Predictor(of(main), {}, settings).follow(path).events


def test_what_was_not_looked_at_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> Any:
        for number in range(3):
            spawn(says, self_(), number)
        return await receive()

    assert predicted(main)[1].stopped == ""
    monkeypatch.setattr(prediction, "KEPT_MAX", 0)
    found, work = predicted(main)
    assert len(found) == 2
    assert "not all runs were looked at again" in work.stopped


def test_a_run_that_a_change_makes_endless_is_cut() -> None:
    async def main() -> None:
        for word in ("stop", "go"):
            spawn(says, self_(), word)
        while await receive() == "go":
            while await receive("never", after=0):
                pass

    spec = of(main)
    path = next(path for path in (recorded_up_to(spec, seed) for seed in range(99)) if path)
    found, _ = predict(spec, {}, ANY, path, most=3)
    longest = max(one.transitions for one in found)
    assert RUN_MAX < longest <= len(path) + RUN_MAX + 10


def recorded_up_to(spec: Spec, seed: int, most: int = 100) -> list[Transition]:
    """Make a random run, and give its transitions if there are not too many."""
    m, walk, found = spec.machine({}, ANY), Walk(seed), []
    while (options := m.enabled()) and len(found) < most:
        found.append(walk.pick(options))
        m.apply(found[-1])
    m.close()
    return found if not options else []


def test_one_look_finds_the_circles_that_a_sort_finds() -> None:
    circles = orders = 0
    for seed in range(60):
        bodies = talk(random.Random(seed), 14)

        async def main(bodies: Any = bodies) -> None:
            await main_of(bodies)

        run = Predictor(of(main), {}, ANY).follow(recorded(of(main), seed))
        for plan in plans(run):
            if plan.place >= 0:
                sortable = Order(plan, plan.keep).sort()
                assert sortable == (not run.forced.order(plan, plan.keep)[1]), seed
                circles, orders = circles + (not sortable), orders + sortable
    assert circles > 20
    assert orders > 20


def test_a_run_that_cannot_be_followed_is_told() -> None:
    spec = of(_one)
    with pytest.raises(UsageError, match="cannot be followed"):
        predict(spec, {}, ANY, [Transition("take", recorded(spec)[0].who)])


async def _one() -> Any:
    return 1


# --- The command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command."""
    with pytest.raises(SystemExit) as ended:
        command(list(arguments))
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_command_predicts_from_a_trace(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    trace = str(tmp_path / "run.jsonl")
    run(capsys, "run", "specs/tutorial/lost_increment.py", "--trace", trace, "--picker", "first")
    code, out = run(capsys, "predict", trace, "--json", "--all", "--candidates", "20")
    found = json.loads(out)
    assert (found["schema"], found["blocked"]) == ("simkernel.predict/1", 0)
    assert code == (1 if found["bad"] else 0)
    assert found["runs"] > 0
    for one in found["predicted"][:3]:
        assert run(capsys, "replay", one["blob"])[0] == 0


def test_a_file_that_is_no_trace_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "predict", "nowhere.jsonl", "--json")
    assert (code, json.loads(out)["schema"]) == (2, "simkernel.error/1")
