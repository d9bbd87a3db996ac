"""What is read of a class when it is created: forgotten returns and captures that mislead."""

import time
from typing import Any

import pytest

from simkernel import GenServer, NoReply, Reply, Supervisor
from simkernel.errors import ForgottenReturn
from simkernel.otp import clauses

LIMIT = 3


def line_of(error: ForgottenReturn) -> str:
    """Give the line of this file that an error points at."""
    assert error.path == __file__
    assert error.line is not None
    with open(__file__, encoding="utf-8") as source:
        return source.read().splitlines()[error.line - 1].strip()


def test_a_case_that_ends_without_return_is_refused_with_its_line() -> None:
    with pytest.raises(ForgottenReturn, match=r"a clause of .*Counter.handle_cast") as error:

        class Counter(GenServer):
            def handle_cast(self, request: Any, count: Any) -> Any:
                match request:
                    case "increment":
                        return NoReply(count + 1)
                    case "reset":
                        NoReply(0)

    assert line_of(error.value) == 'case "reset":'


def test_a_branch_inside_a_case_that_ends_without_return_is_refused() -> None:
    with pytest.raises(ForgottenReturn) as error:

        class Counter(GenServer):
            async def handle_call(self, request: Any, caller: Any, count: Any) -> Any:
                match request:
                    case ("add", n):
                        if n > 0:
                            return Reply(n, count + n)

    assert line_of(error.value) == 'case ("add", n):'


def test_a_match_inside_a_case_is_read_too() -> None:
    with pytest.raises(ForgottenReturn) as error:

        class Counter(GenServer):
            def handle_info(self, message: Any, count: Any) -> Any:
                match message:
                    case ("tick", what):
                        match what:
                            case "fast":
                                count = 1
                            case _:
                                return NoReply(count)

    assert line_of(error.value) == 'case "fast":'


def test_a_supervisors_init_is_read_too() -> None:
    with pytest.raises(ForgottenReturn):

        class Sup(Supervisor):
            def init(self, argument: Any) -> Any:
                match argument:
                    case "none":
                        Supervisor.init([], strategy="one_for_one")


def test_cases_that_end_in_what_follows_the_match_are_fine() -> None:
    class Counter(GenServer):
        def handle_cast(self, request: Any, count: Any) -> Any:
            match request:
                case "increment":
                    count = count + 1
                case "reset":
                    count = 0
            return NoReply(count)

        def handle_call(self, request: Any, caller: Any, count: Any) -> Any:
            match request:
                case "get":
                    try:
                        return Reply(count, count)
                    finally:
                        count = 0
                case "wait":
                    while True:
                        if count:
                            return Reply(count, count)
                case "fail":
                    raise ValueError
                case ("both", a):
                    if a:
                        return Reply(1, count)
                    else:
                        return Reply(2, count)

        def terminate(self, reason: Any, count: Any) -> None:
            match reason:
                case "normal":
                    pass


def test_a_capture_that_hides_a_name_in_capitals_is_refused() -> None:
    with pytest.raises(ForgottenReturn, match=r"`case LIMIT` .* captures") as error:

        class Counter(GenServer):
            def handle_cast(self, request: Any, count: Any) -> Any:
                match request:
                    case ("set", LIMIT):  # noqa: N806
                        return NoReply(LIMIT)

    assert "Compare by a guard" in str(error.value)


def test_a_capture_that_hides_a_parameter_is_refused() -> None:
    with pytest.raises(ForgottenReturn, match="with the parameter count") as error:

        class Counter(GenServer):
            def handle_cast(self, request: Any, count: Any) -> Any:
                match request:
                    case ("set", count):
                        return NoReply(count)

    assert line_of(error.value) == 'case ("set", count):'


def test_without_source_nothing_is_read() -> None:
    found: dict[str, Any] = {"GenServer": GenServer}
    code = "class C(GenServer):\n def init(self, a):\n  match a:\n   case 1: a"
    exec(code, found)
    assert found["C"].child_spec(0).id is found["C"]


def test_a_class_is_read_in_two_milliseconds() -> None:
    clauses._READ.clear()

    def make() -> None:
        class Counter(GenServer):
            def handle_cast(self, request: Any, count: Any) -> Any:
                match request:
                    case "increment":
                        return NoReply(count + 1)
                    case ("add", n):
                        return NoReply(count + n)

            def handle_call(self, request: Any, caller: Any, count: Any) -> Any:
                match request:
                    case "get":
                        return Reply(count, count)

    make()  # reads this file's lines
    spent = []
    for _ in range(5):
        clauses._READ.clear()
        start = time.perf_counter()
        make()
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.002
