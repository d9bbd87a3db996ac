"""Class functions that are called on the behaviour or on the user's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OfClass:
    """A function that takes a class first; read off a subclass, it is given that class.

    So `GenServer.start_link(Counter, 0)` and `Counter.start_link(0)` are the same call. With
    `inside`, that function is used on subclasses instead.
    """

    __slots__ = ("function", "home", "inside")

    def __init__(self, function: Callable[..., Any], inside: Callable[..., Any] | None = None):
        self.function = function
        self.inside = inside or function
        self.home: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.home = owner

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        if owner is self.home:
            return self.function

        def bound(*args: Any, **options: Any) -> Any:
            return self.inside(owner, *args, **options)

        return bound
