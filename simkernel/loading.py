"""Loading specs by path: every failure says where and what to do."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from simkernel.errors import Overrun, SpecError, StepTooLong, UsageError
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import asked, watchdog
from simkernel.spec import Spec, of

LOADING_S = 60.0  # libraries that a spec imports may take their time


def load(where: str) -> Spec:
    """Load `path.py`, or `path.py:function`; every failure is a SpecError with its place."""
    main, name = loaded(where, "main", "A spec is `async def main(...)`")
    return of(main, name, where.partition(":")[0])


def loaded(where: str, default: str, kind: str) -> tuple[Any, str]:
    """Load `path.py:name`, or the `default` of a file; gives it, and how it is called."""
    text, _, wanted = where.partition(":")
    path = Path(text)
    if not path.is_file():
        raise SpecError(
            "there is no such file", path=text, hint=f"Give the path of a .py file with {default}."
        )
    name = wanted or default
    found = getattr(_module(path), name, None)
    if found is None:
        raise SpecError(
            f"the file defines no {name!r}",
            path=text,
            hint=f"{kind}; name another one as path.py:name.",
        )
    return found, path.stem if not wanted else f"{path.stem}:{wanted}"


class _Afresh(importlib.machinery.SourceFileLoader):
    """Compiles a file each time, and leaves nothing beside it: bytecode that is kept is told from
    old by size and second, and a spec may be changed twice in one."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _module(path: Path) -> ModuleType:
    """Run a spec file as a module whose name does not depend on where it lies."""
    name = f"spec.{path.stem}"
    loader = _Afresh(name, str(path))
    found = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert found is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        with guards(), watchdog(LOADING_S), asked():
            loader.exec_module(module)
    except SyntaxError as error:
        raise SpecError(
            f"it does not parse: {error.msg}", path=str(path), line=error.lineno
        ) from error
    except (StepTooLong, Overrun) as cut:
        raise SpecError(
            f"it was still being loaded after {LOADING_S:g} s",
            path=str(path),
            line=_line_in(path, cut.__cause__ or cut),
            hint="What a system does belongs into `main` and the functions that it starts.",
        ) from cut
    except (KeyboardInterrupt, MemoryError):
        raise
    except UsageError:
        raise
    except BaseException as error:
        raise SpecError(
            f"it raises {type(error).__name__} when it is loaded: {error}",
            path=str(path),
            line=_line_in(path, error),
        ) from error
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if Path(f.filename).resolve() == path.resolve()]
    return lines[-1] if lines else None


def find(paths: list[str]) -> Iterator[str]:
    """Give the spec files under files and folders, in order; a folder gives its .py files."""
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*.py") if not p.name.startswith("_"))
            if not found:
                raise SpecError("the folder has no spec", path=text, hint="Specs are .py files.")
            yield from map(str, found)
        else:
            yield text


def source_hash(path: str) -> str:
    """Give a short hash of a spec file, to tell later whether it has changed."""
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
