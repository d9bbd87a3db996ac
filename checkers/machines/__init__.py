"""Declarative state machine specs: one declaration that is searched, proved, run and refined."""
