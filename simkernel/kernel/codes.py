"""The numbers of effects and signals, and the word for each in traces."""

from __future__ import annotations

# Plain effects: they cannot fail, cannot wait, and need no answer.
SEND, EXIT, MONITOR, UNLINK, DEMONITOR, FLAG, SPAWN, TIMER, ALIAS, LOG = range(10)
# Operations: the last effect of a step, whose result resumes the body.
SEND_NAME, LINK, REGISTER, UNREGISTER, WHEREIS, ALIVE, INFO, DEMONITOR_NOW = range(10, 18)
UNALIAS, CANCEL, READ, CHOOSE, WORK, EARLIER, TABLE, HIBERNATE, PROCESSES = range(18, 27)
# Ends of a step.
ENTER, END = 27, 28
# Death signals of an exiting process.
TELL_LINK, TELL_MONITOR, REFUSE = 29, 30, 31

EFFECTS = (
    "send", "exit", "monitor", "unlink", "demonitor", "flag", "spawn", "timer", "alias", "log",
    "send_name", "link", "register", "unregister", "whereis", "alive", "info", "demonitor_now",
    "unalias", "cancel", "read", "choose", "work", "earlier", "table", "hibernate", "processes",
    "enter", "end", "tell_link", "tell_monitor", "refuse",
)  # fmt: skip

FIRST_OPERATION = SEND_NAME

# Effects that read what arrivals change: all that has arrived is handled before them
# (lesson 7). `flag` only when trapping is turned off, `exit` only of oneself: see machine.observes.
OBSERVING = frozenset({UNLINK, DEMONITOR, DEMONITOR_NOW, LINK, END})

# Signals.
S_MESSAGE, S_EXIT, S_LINK, S_UNLINK, S_MONITOR, S_DEMONITOR, S_DOWN, S_ASK, S_ANSWER = range(9)
SIGNALS = (
    "message", "exit", "link", "unlink", "monitor", "demonitor", "down", "ask", "answer",
)  # fmt: skip
