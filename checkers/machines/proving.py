"""One question to all engines: does a declared machine keep what it promises?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from checkers.machines.bounded import bounded, find
from checkers.machines.certificate import Certificate, accepted, of_states
from checkers.machines.declaration import Declaration
from checkers.machines.encoding import Encoding
from checkers.machines.explicit import Explorer, Limits
from checkers.machines.houdini import houdini
from checkers.machines.induction import Proof, induction
from checkers.machines.lasso import lasso
from checkers.machines.layout import Layout
from checkers.machines.responses import answered
from checkers.machines.semantics import Run, failing, replay
from checkers.machines.spacer import spacer
from simkernel.errors import InternalError, UnknownStrategy

METHODS = ("auto", "explicit", "bmc", "induction", "houdini", "spacer")
# A diagram of more situations takes longer than the search.
CERTIFIED_STATES = 20_000
LASSO_MAX = 12  # steps of the runs that are looked at beside a proof


@dataclass(frozen=True)
class Answer:
    """What was concluded of a machine, by which method, and on what ground.

    `complete` says that Held means every run; `text` says how far it went.
    """

    machine: str
    word: str
    method: str
    text: str
    complete: bool = False
    failed: str | None = None
    run: Run | None = None
    certificate: Certificate | None = None
    states: int | None = None
    generated: int | None = None
    depth: int | None = None
    notes: tuple[str, ...] = ()


def prove(
    declaration: Declaration, method: str = "auto", limits: Limits | None = None,
    *, symmetry: bool = True,
) -> Answer:  # fmt: skip
    """Search or prove; each run that is found has been replayed, each certificate checked.

    >>> light = Declaration("light")
    >>> color = light.choice("color", "red green", start="red")
    >>> _ = light.action("go", when=color == "red", then={color: "green"})
    >>> light.invariant("it stays red", color == "red")
    >>> prove(light).word, prove(light, "bmc").failed
    ('Violated', 'it stays red')
    """
    if method not in METHODS:
        raise UnknownStrategy(method, known=METHODS, where="--method")
    declaration.ready()
    limits = limits or Limits()
    return _METHODS[method](declaration, limits, symmetry)


# --- Each method ----------------------------------------------------------------------------------


def _explicit(declaration: Declaration, limits: Limits, symmetry: bool) -> Answer:
    reduced = symmetry and bool(declaration.families)
    explorer = Explorer(declaration, limits, symmetry=reduced)
    found = explorer.search()
    what = "orbits" if reduced else "situations"
    base = Answer(
        declaration.words(), "Inconclusive", "explicit", "", states=found.states,
        generated=found.generated, depth=found.depth,
    )  # fmt: skip
    if found.failed is not None and found.run is not None:
        return _violated(declaration, base, found.failed, found.run)
    seen = f"{found.states} {what}, {found.generated} generated, depth {found.depth}"
    if found.stopped:
        return replace(base, text=f"{found.stopped} were spent after {seen}")
    if found.never:
        return replace(base, word="Violated", complete=True, failed=found.never[0],
                       text=f"{found.never[0]}: in none of {seen}")  # fmt: skip
    base = replace(base, word="Held", complete=True, text=f"all seen: {seen}")
    if declaration.responses:
        base = _responses(declaration, limits, base)
    return base if base.word != "Held" else _certified_search(declaration, explorer, limits, base)


def _responses(declaration: Declaration, limits: Limits, base: Answer) -> Answer:
    outcome = answered(declaration, limits)
    if outcome is None:
        return base
    if isinstance(outcome, str):
        return replace(base, word="Inconclusive", complete=False,
                       text=f"leads_to was not decided: {outcome}")  # fmt: skip
    name, run = outcome
    replay(declaration, run)
    return _never(base, name, run)


def _refuted(declaration: Declaration, base: Answer, limits: Limits) -> Answer | int:
    """Look by z3 for a run that breaks a `leads_to`; give how long runs were looked at."""
    depth = limits.depth
    for name, wanted in declaration.responses.items():
        run, reached, _ = lasso(declaration, wanted, limits)
        if run is not None:
            return _never(base, name, run)
        depth = min(depth, reached)
    return depth


def _never(base: Answer, name: str, run: Run) -> Answer:
    where = "ends" if run.back is None else f"goes round from step {run.back} on"
    return replace(base, word="Violated", complete=True, failed=name, run=run,
                   text=f"{name}: never, in a run that {where}")  # fmt: skip


def _certified_search(
    declaration: Declaration, explorer: Explorer, limits: Limits, base: Answer
) -> Answer:
    """Leave a certificate of what was seen, where that is not too much."""
    if explorer.code.symmetry:
        whole = Explorer(declaration, replace(limits, states=CERTIFIED_STATES)).search()
    else:
        whole = explorer.found
    layout = Layout(declaration)
    if not whole.complete or whole.states > CERTIFIED_STATES or not layout.packed:
        return replace(base, notes=(*base.notes, (f"no certificate: more than {CERTIFIED_STATES} "
                                    "situations")))  # fmt: skip
    certificate = of_states(declaration, whole.seen, layout)
    return _certified(declaration, replace(base, certificate=certificate), limits)


def _bmc(declaration: Declaration, limits: Limits, symmetry: bool) -> Answer:
    encoding = Encoding(declaration)
    found = bounded(declaration, limits, encoding)
    base = Answer(declaration.words(), "Held", "bmc", "", depth=found.depth)
    if found.run is not None:
        return _broken(declaration, base, found.run)
    if found.stopped:
        text = f"{found.stopped}; no bad run of up to {found.depth} steps"
        return replace(base, word="Inconclusive", text=text)
    base = replace(base, text=f"in runs of up to {found.depth} steps")
    if not declaration.responses:
        return base
    outcome = _refuted(declaration, base, limits)
    if isinstance(outcome, Answer):
        return outcome
    if outcome < found.depth:
        return replace(base, word="Inconclusive", text=f"{base.text}; of leads_to, runs of up to "
                       f"{outcome} steps were looked at")  # fmt: skip
    return base


def _by_proof(method: str) -> Callable[[Declaration, Limits, bool], Answer]:
    attempt = {"induction": induction, "houdini": houdini, "spacer": spacer}[method]

    def run(declaration: Declaration, limits: Limits, symmetry: bool) -> Answer:
        proof = attempt(declaration, limits)
        return _concluded(declaration, method, proof, limits)

    return run


def _concluded(declaration: Declaration, method: str, proof: Proof, limits: Limits) -> Answer:
    base = Answer(declaration.words(), "Inconclusive", method, proof.stopped, depth=proof.depth)
    if proof.run is not None:
        return _broken(declaration, base, proof.run)
    if proof.certificate is None:
        return base
    how = {
        "induction": f"by induction over {proof.depth} situation{'s' if proof.depth > 1 else ''}",
        "houdini": f"by an invariant of {proof.depth} parts, found by Houdini",
        "spacer": "by an invariant, found by Spacer",
    }[method]
    base = replace(base, word="Held", complete=True, text=f"proved {how}",
                   certificate=proof.certificate)  # fmt: skip
    base = _certified(declaration, base, limits)
    if base.word == "Held" and declaration.responses:
        part = replace(limits, depth=min(limits.depth, LASSO_MAX))
        outcome = _refuted(declaration, replace(base, certificate=None), part)
        if isinstance(outcome, Answer):
            return outcome
        return replace(base, word="Inconclusive", complete=False, text=f"{base.text}; leads_to is "
                       "proved by explicit search only; no run that goes round in "
                       f"{outcome} steps breaks it")  # fmt: skip
    return _goals(declaration, base, limits) if base.word == "Held" else base


def _goals(declaration: Declaration, base: Answer, limits: Limits) -> Answer:
    """Show a run to each goal; one that is not found in time leaves the answer open."""
    for name, goal in declaration.goals.items():
        found = find(declaration, goal, limits)
        if found.run is None:
            text = f"{base.text}; {name}: not reached in {found.depth} steps"
            return replace(base, word="Inconclusive", complete=False, text=text)
    return base


def _auto(declaration: Declaration, limits: Limits, symmetry: bool) -> Answer:
    """Search what is finite; else look for a short bad run, and then prove."""
    tried: list[str] = []
    if Layout(declaration).packed:
        searching = replace(limits, seconds=limits.spent() + limits.left / 2)
        answer = _explicit(declaration, searching, symmetry)
        if answer.word != "Inconclusive" or answer.text.startswith("interrupted"):
            return answer
        tried.append(f"explicit: {answer.text}")
    shares: list[tuple[str, float, int]] = [
        ("bmc", 6, 8), ("induction", 6, 4), ("houdini", 3, 50), ("spacer", 1.5, 50),
        ("induction", 1, limits.depth),
    ]  # fmt: skip
    for method, share, depth in shares:
        part = replace(limits, seconds=limits.spent() + limits.left / share,
                       depth=min(depth, limits.depth))  # fmt: skip
        answer = _METHODS[method](declaration, part, symmetry)
        if answer.word == "Violated" or (answer.word == "Held" and answer.complete):
            return replace(answer, notes=(*answer.notes, *tried))
        if declaration.responses and answer.certificate is not None:
            return answer
        tried.append(f"{method}: {answer.text}")
    return replace(answer, word="Inconclusive", text="nothing decided it", notes=tuple(tried))


_METHODS: dict[str, Callable[[Declaration, Limits, bool], Answer]] = {
    "auto": _auto, "explicit": _explicit, "bmc": _bmc,
    **{method: _by_proof(method) for method in ("induction", "houdini", "spacer")},
}  # fmt: skip


# --- What is asked again before anything is said --------------------------------------------------


def _broken(declaration: Declaration, base: Answer, run: Run) -> Answer:
    failed = failing(declaration, run.states[-1])
    if failed is None:
        raise InternalError(f"a run of {declaration.name} breaks nothing")
    return _violated(declaration, base, failed, run)


def _violated(declaration: Declaration, base: Answer, failed: str, run: Run) -> Answer:
    replay(declaration, run)
    steps = f"{len(run.steps)} step{'' if len(run.steps) == 1 else 's'}"
    return replace(base, word="Violated", complete=True, failed=failed, run=run,
                   text=f"{failed}: false after {steps}")  # fmt: skip


def _certified(declaration: Declaration, base: Answer, limits: Limits) -> Answer:
    """Let a plain solver check the certificate."""
    assert base.certificate is not None
    verdict = accepted(declaration, base.certificate, limits)
    if verdict is False:
        raise InternalError(f"the certificate of {declaration.name} by {base.method} is wrong")
    if verdict is None:
        if base.method == "explicit":
            note = "the certificate was not checked in time"
            return replace(base, certificate=None, notes=(*base.notes, note))
        return replace(base, word="Inconclusive", complete=False, certificate=None,
                       text=f"{base.text}, but its check ran out of time")  # fmt: skip
    return base
