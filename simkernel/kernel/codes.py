"""The numbers of effects and signals, and the word for each in traces."""

from __future__ import annotations

# Plain effects: they cannot fail, cannot wait, and need no answer.
SEND, EXIT, MONITOR, UNLINK, DEMONITOR, FLAG, SPAWN, TIMER, ALIAS, LOG, CAST_NAME = range(11)
# Operations: the last effect of a step, whose result resumes the body.
SEND_NAME, LINK, REGISTER, UNREGISTER, WHEREIS, ALIVE, INFO, DEMONITOR_NOW = range(11, 19)
UNALIAS, CANCEL, READ, CHOOSE, WORK, EARLIER, TABLE, HIBERNATE, PROCESSES = range(19, 28)
# Ends of a step.
ENTER, END = 28, 29
# Death signals of an exiting process.
TELL_LINK, TELL_MONITOR, REFUSE = 30, 31, 32
# What it has to give back before them, where an end has stages.
FREE_TABLES, FREE_NAME = 34, 35

EFFECTS = (
    "send", "exit", "monitor", "unlink", "demonitor", "flag", "spawn", "timer", "alias", "log",
    "cast_name",
    "send_name", "link", "register", "unregister", "whereis", "alive", "info", "demonitor_now",
    "unalias", "cancel", "read", "choose", "work", "earlier", "table", "hibernate", "processes",
    "enter", "end", "tell_link", "tell_monitor", "refuse",
    "doomed", "free_tables", "free_name",
)  # fmt: skip

FIRST_OPERATION = SEND_NAME

# Effects that nobody notices at the time, and those that see or show what processes share: a new
# process can act before its parent's next signal, which the real one does not send for it.
SILENT = frozenset({FLAG, TIMER, ALIAS, LOG})
LOOKING = frozenset({REGISTER, UNREGISTER, WHEREIS, CANCEL, READ, TABLE, PROCESSES, ENTER, SPAWN})

# What is left of a step after a deadly exit signal to oneself: never done, only waited at (1.14).
DOOMED = 33

# Signals.
S_MESSAGE, S_EXIT, S_LINK, S_UNLINK, S_MONITOR, S_DEMONITOR, S_DOWN, S_ASK, S_ANSWER = range(9)
SIGNALS = (
    "message", "exit", "link", "unlink", "monitor", "demonitor", "down", "ask", "answer",
)  # fmt: skip
