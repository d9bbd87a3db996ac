"""Deterministic simulation and checking of OTP systems: the names that users import.

A lazy façade: a name is looked up in its module when it is first used, so that `import simkernel`
loads nothing else. It is the one file that knows every package, and nothing inside imports it.

To publish a name, add it to `_NAMES`, and to the import block below it, which type checkers and
editors read; `tests/meta/test_facade.py` tells when the two differ or a name does not resolve.

>>> import simkernel
>>> "receive" in dir(simkernel)
True
>>> simkernel.recieve
Traceback (most recent call last):
    ...
AttributeError: simkernel has no 'recieve'; did you mean 'receive'?
"""

import sys as _sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

_NAMES = {
    "checkers.linearizable": "Model",
    "checkers.ltl": "always eventually following leads_to never until",
    "checkers.machines.declaration": "Declaration",
    "checkers.machines.expressions": "every if_else some",
    "checkers.machines.play": "play",
    "checkers.machines.refinement": "refines",
    "checkers.monitor": "linearizable sequentially_consistent sometimes",
    "checkers.world": "World",
    "simkernel.errors": "ArgumentError ErlangError Exit Throw",
    "simkernel.terms": "Map Pid Raised Ref Stack",
    "simkernel.kernel.effects": (
        "again alias alive ancestors between cancel_timer choose demonitor earlier erase exit "
        "get get_keys hibernate link log make_ref monitor now process_flag process_info "
        "processes put read_timer receive register self_ send send_after send_interval sleep "
        "spawn spawn_link spawn_monitor start_timer system_time to_ms unalias unlink unregister "
        "whereis work"
    ),
    "simkernel.kernel.patterns": "ANY TIMEOUT Taken let pin when where",
    "simkernel.kernel.machine": "Machine",
    "simkernel.otp.agent": "Agent",
    "simkernel.otp.dynamic_supervisor": "DynamicSupervisor",
    "simkernel.otp.application": "Application",
    "simkernel.otp.gen_server": "Continue GenServer Hibernate Ignore NoReply Ok Reply Stop",
    "simkernel.otp.gen_statem": (
        "ChangeCallbackModule EventTimeout GenStateMachine GenericTimeout KeepState "
        "KeepStateAndData NextEvent NextState PopCallbackModule Postpone "
        "PushCallbackModule RepeatState RepeatStateAndData StateTimeout "
        "StopAndReply"
    ),
    "simkernel.otp.partition_supervisor": "PartitionSupervisor",
    "simkernel.otp.registry": "Registry",
    "simkernel.otp.supervisor": "ChildSpec Supervisor",
    "simkernel.otp.task": "Task",
    "simkernel.otp.task_supervisor": "TaskSupervisor",
    "simkernel.spec": "simulate spec",
}
# Modules that are published whole: their functions read best behind a prefix, `ets.insert`.
_MODULES = {
    "ets": "simkernel.kernel.ets",
    "sys": "simkernel.otp.sys",
    "timer": "simkernel.otp.timer",
}

_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = list(_MODULE_OF | _MODULES)

if TYPE_CHECKING:
    from checkers.linearizable import Model as Model
    from checkers.ltl import always as always
    from checkers.ltl import eventually as eventually
    from checkers.ltl import following as following
    from checkers.ltl import leads_to as leads_to
    from checkers.ltl import never as never
    from checkers.ltl import until as until
    from checkers.machines.declaration import Declaration as Declaration
    from checkers.machines.expressions import every as every
    from checkers.machines.expressions import if_else as if_else
    from checkers.machines.expressions import some as some
    from checkers.machines.play import play as play
    from checkers.machines.refinement import refines as refines
    from checkers.monitor import linearizable as linearizable
    from checkers.monitor import sequentially_consistent as sequentially_consistent
    from checkers.monitor import sometimes as sometimes
    from checkers.world import World as World
    from simkernel.errors import ArgumentError as ArgumentError
    from simkernel.errors import ErlangError as ErlangError
    from simkernel.errors import Exit as Exit
    from simkernel.errors import Throw as Throw
    from simkernel.kernel import ets as ets
    from simkernel.kernel.effects import again as again
    from simkernel.kernel.effects import alias as alias
    from simkernel.kernel.effects import alive as alive
    from simkernel.kernel.effects import ancestors as ancestors
    from simkernel.kernel.effects import between as between
    from simkernel.kernel.effects import cancel_timer as cancel_timer
    from simkernel.kernel.effects import choose as choose
    from simkernel.kernel.effects import demonitor as demonitor
    from simkernel.kernel.effects import earlier as earlier
    from simkernel.kernel.effects import erase as erase
    from simkernel.kernel.effects import exit as exit
    from simkernel.kernel.effects import get as get
    from simkernel.kernel.effects import get_keys as get_keys
    from simkernel.kernel.effects import hibernate as hibernate
    from simkernel.kernel.effects import link as link
    from simkernel.kernel.effects import log as log
    from simkernel.kernel.effects import make_ref as make_ref
    from simkernel.kernel.effects import monitor as monitor
    from simkernel.kernel.effects import now as now
    from simkernel.kernel.effects import process_flag as process_flag
    from simkernel.kernel.effects import process_info as process_info
    from simkernel.kernel.effects import processes as processes
    from simkernel.kernel.effects import put as put
    from simkernel.kernel.effects import read_timer as read_timer
    from simkernel.kernel.effects import receive as receive
    from simkernel.kernel.effects import register as register
    from simkernel.kernel.effects import self_ as self_
    from simkernel.kernel.effects import send as send
    from simkernel.kernel.effects import send_after as send_after
    from simkernel.kernel.effects import send_interval as send_interval
    from simkernel.kernel.effects import sleep as sleep
    from simkernel.kernel.effects import spawn as spawn
    from simkernel.kernel.effects import spawn_link as spawn_link
    from simkernel.kernel.effects import spawn_monitor as spawn_monitor
    from simkernel.kernel.effects import start_timer as start_timer
    from simkernel.kernel.effects import system_time as system_time
    from simkernel.kernel.effects import to_ms as to_ms
    from simkernel.kernel.effects import unalias as unalias
    from simkernel.kernel.effects import unlink as unlink
    from simkernel.kernel.effects import unregister as unregister
    from simkernel.kernel.effects import whereis as whereis
    from simkernel.kernel.effects import work as work
    from simkernel.kernel.machine import Machine as Machine
    from simkernel.kernel.patterns import ANY as ANY
    from simkernel.kernel.patterns import TIMEOUT as TIMEOUT
    from simkernel.kernel.patterns import Taken as Taken
    from simkernel.kernel.patterns import let as let
    from simkernel.kernel.patterns import pin as pin
    from simkernel.kernel.patterns import when as when
    from simkernel.kernel.patterns import where as where
    from simkernel.otp import sys as sys
    from simkernel.otp import timer as timer
    from simkernel.otp.agent import Agent as Agent
    from simkernel.otp.application import Application as Application
    from simkernel.otp.dynamic_supervisor import DynamicSupervisor as DynamicSupervisor
    from simkernel.otp.gen_server import Continue as Continue
    from simkernel.otp.gen_server import GenServer as GenServer
    from simkernel.otp.gen_server import Hibernate as Hibernate
    from simkernel.otp.gen_server import Ignore as Ignore
    from simkernel.otp.gen_server import NoReply as NoReply
    from simkernel.otp.gen_server import Ok as Ok
    from simkernel.otp.gen_server import Reply as Reply
    from simkernel.otp.gen_server import Stop as Stop
    from simkernel.otp.gen_statem import ChangeCallbackModule as ChangeCallbackModule
    from simkernel.otp.gen_statem import EventTimeout as EventTimeout
    from simkernel.otp.gen_statem import GenericTimeout as GenericTimeout
    from simkernel.otp.gen_statem import GenStateMachine as GenStateMachine
    from simkernel.otp.gen_statem import KeepState as KeepState
    from simkernel.otp.gen_statem import KeepStateAndData as KeepStateAndData
    from simkernel.otp.gen_statem import NextEvent as NextEvent
    from simkernel.otp.gen_statem import NextState as NextState
    from simkernel.otp.gen_statem import PopCallbackModule as PopCallbackModule
    from simkernel.otp.gen_statem import Postpone as Postpone
    from simkernel.otp.gen_statem import PushCallbackModule as PushCallbackModule
    from simkernel.otp.gen_statem import RepeatState as RepeatState
    from simkernel.otp.gen_statem import RepeatStateAndData as RepeatStateAndData
    from simkernel.otp.gen_statem import StateTimeout as StateTimeout
    from simkernel.otp.gen_statem import StopAndReply as StopAndReply
    from simkernel.otp.partition_supervisor import PartitionSupervisor as PartitionSupervisor
    from simkernel.otp.registry import Registry as Registry
    from simkernel.otp.supervisor import ChildSpec as ChildSpec
    from simkernel.otp.supervisor import Supervisor as Supervisor
    from simkernel.otp.task import Task as Task
    from simkernel.otp.task_supervisor import TaskSupervisor as TaskSupervisor
    from simkernel.spec import simulate as simulate
    from simkernel.spec import spec as spec
    from simkernel.terms import Map as Map
    from simkernel.terms import Pid as Pid
    from simkernel.terms import Raised as Raised
    from simkernel.terms import Ref as Ref
    from simkernel.terms import Stack as Stack


def __getattr__(name: str) -> Any:
    """Find `name` in its module, once: from then on it is an ordinary attribute."""
    if name in _MODULES:
        found: Any = import_module(_MODULES[name])
    elif name in _MODULE_OF:
        found = getattr(import_module(_MODULE_OF[name]), name)
    elif name == "__version__":
        from importlib.metadata import version

        found = version("simkernel")
    else:
        raise AttributeError(_missing(name), name=name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _missing(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, __all__, n=1)
    return f"simkernel has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


class _Facade(ModuleType):
    """The module type of the façade, which keeps `simkernel.spec` the decorator.

    When the import system has loaded the module `simkernel.spec`, it assigns it to the attribute
    of that name here, and would so replace the published function `spec`, or not, depending on
    what was imported first. A published name is therefore never bound to a submodule.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in _MODULE_OF and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _Facade
