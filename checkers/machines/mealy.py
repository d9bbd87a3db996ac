"""Finite machines as tables: what each input leads to in each state, and what comes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Input = Hashable
Output = Hashable
Word = tuple[Input, ...]


@dataclass(frozen=True)
class Mealy:
    """A machine: states are numbers, the first is 0; `moves[state, input]` is (output, state).

    >>> door = Mealy(("push",), {(0, "push"): ("opens", 1), (1, "push"): ("shuts", 0)})
    >>> door.outputs(("push", "push", "push"))
    ('opens', 'shuts', 'opens')
    """

    alphabet: tuple[Input, ...]
    moves: Mapping[tuple[int, Input], tuple[Output, int]]
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def states(self) -> list[int]:
        """All states."""
        return sorted({0, *(state for state, _ in self.moves)})

    def outputs(self, word: Iterable[Input], state: int = 0) -> tuple[Output, ...]:
        """Give what comes out on a word."""
        said = []
        for one in word:
            output, state = self.moves[state, one]
            said.append(output)
        return tuple(said)

    def after(self, word: Iterable[Input], state: int = 0) -> int:
        """Give the state after a word."""
        for one in word:
            _, state = self.moves[state, one]
        return state

    def words(self) -> dict[int, Word]:
        """Give a shortest word to each state that can be reached."""
        found: dict[int, Word] = {0: ()}
        queue = deque([0])
        while queue:
            state = queue.popleft()
            for one in self.alphabet:
                _, new = self.moves[state, one]
                if new not in found:
                    found[new] = (*found[state], one)
                    queue.append(new)
        return found

    def minimal(self) -> Mealy:
        """Give the smallest machine that does the same, its states numbered as they are reached."""
        reached = list(self.words())
        block = dict.fromkeys(reached, 0)
        count = 0
        while True:
            rows = {
                state: tuple((self.moves[state, one][0], block[self.moves[state, one][1]])
                             for one in self.alphabet)
                for state in reached
            }  # fmt: skip
            keys = {state: (block[state], rows[state]) for state in reached}
            numbers = {key: number for number, key in enumerate(dict.fromkeys(keys.values()))}
            block = {state: numbers[keys[state]] for state in reached}
            if len(numbers) == count:
                break
            count = len(numbers)
        moves: dict[tuple[int, Input], tuple[Output, int]] = {}
        names: dict[int, str] = {}
        for state in reached:
            names.setdefault(block[state], self.names.get(state, ""))
            for one in self.alphabet:
                output, new = self.moves[state, one]
                moves.setdefault((block[state], one), (output, block[new]))
        return Mealy(self.alphabet, moves, {state: name for state, name in names.items() if name})

    def grouped(self, key: Callable[[int], Any]) -> dict[Any, list[int]]:
        """Give the states by what `key` says of each."""
        found: dict[Any, list[int]] = {}
        for state in self.states:
            found.setdefault(key(state), []).append(state)
        return found


def difference(a: Mealy, b: Mealy) -> Word | None:
    """Give a shortest word on which two machines of one alphabet differ; None if there is none.

    >>> one = Mealy(("x",), {(0, "x"): (1, 0)})
    >>> two = Mealy(("x",), {(0, "x"): (1, 1), (1, "x"): (2, 1)})
    >>> difference(one, one), difference(one, two)
    (None, ('x', 'x'))
    """
    words: dict[tuple[int, int], Word] = {(0, 0): ()}
    queue = deque([(0, 0)])
    while queue:
        pair = queue.popleft()
        for one in a.alphabet:
            (said, p), (heard, q) = a.moves[pair[0], one], b.moves[pair[1], one]
            word = (*words[pair], one)
            if said != heard:
                return word
            if (p, q) not in words:
                words[p, q] = word
                queue.append((p, q))
    return None


# --- Learning -------------------------------------------------------------------------------------


class Learner:
    """L* for such machines: it learns one by asking what comes out on words, and nothing else.

    States are told apart by suffixes; a counterexample gives one more, which is searched for by
    halves (Rivest and Schapire). Whether it has all is guessed by words that lead to each state,
    then one or two inputs more, then a suffix; and by long random ones.
    """

    def __init__(
        self, alphabet: Sequence[Input], ask: Callable[[Word], tuple[Output, ...]],
        random: Callable[[], float], *, walks: int = 100,
    ):  # fmt: skip
        self.alphabet = tuple(alphabet)
        self._ask = ask
        self.random = random
        self.walks = walks
        self.suffixes: list[Word] = [(one,) for one in self.alphabet]
        self.access: list[Word] = [()]
        self.known: dict[Word, tuple[Output, ...]] = {}
        self.guess: Mealy | None = None  # the last one, right or not

    def ask(self, word: Word) -> tuple[Output, ...]:
        """Ask what comes out on a word, once."""
        if word not in self.known:
            self.known[word] = self._ask(word)
        return self.known[word]

    def learn(self) -> Mealy:
        """Learn until no word is found on which the guess is wrong."""
        while True:
            guess = self.guess = self._guess()
            word = self._wrong(guess)
            if word is None:
                return guess
            self._split(guess, word)

    def _row(self, prefix: Word) -> tuple[Any, ...]:
        return tuple(self.ask(prefix + s)[len(prefix) :] for s in self.suffixes)

    def _guess(self) -> Mealy:
        rows = {self._row(word): number for number, word in enumerate(self.access)}
        moves: dict[tuple[int, Input], tuple[Output, int]] = {}
        at = 0
        while at < len(self.access):
            for one in self.alphabet:
                word = (*self.access[at], one)
                row = self._row(word)
                if row not in rows:
                    rows[row] = len(self.access)
                    self.access.append(word)
                moves[at, one] = (self.ask(word)[-1], rows[row])
            at += 1
        return Mealy(self.alphabet, moves)

    def _wrong(self, guess: Mealy) -> Word | None:
        for word in self._tests(guess):
            if self.ask(word) != guess.outputs(word):
                said, thought = self.ask(word), guess.outputs(word)
                first = next(i for i in range(len(word)) if said[i] != thought[i])
                return word[: first + 1]
        return None

    def _tests(self, guess: Mealy) -> Iterable[Word]:
        middles: list[Word] = [(), *((a,) for a in self.alphabet)]
        if len(self.alphabet) * len(self.access) < 60:
            middles += [(a, b) for a in self.alphabet for b in self.alphabet]
        for prefix in self.access:
            for middle in middles:
                for suffix in self.suffixes:
                    yield prefix + middle + suffix
        size = len(self.alphabet)
        for _ in range(self.walks):
            length = 2 * len(self.access) + 4
            yield tuple(self.alphabet[int(self.random() * size)] for _ in range(length))

    def _split(self, guess: Mealy, word: Word) -> None:
        """Find the suffix of a counterexample that tells two states apart."""

        def right(at: int) -> bool:
            prefix = self.access[guess.after(word[:at])]
            return self.ask(prefix + word[at:])[-1] == self.ask(word)[-1]

        low, high = 0, len(word) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if right(middle):
                low = middle
            else:
                high = middle
        suffix = word[low + 1 :]
        if suffix in self.suffixes or not suffix:
            self.access.append(self.access[guess.after(word[:low])] + word[low : low + 1])
        else:
            self.suffixes.append(suffix)
