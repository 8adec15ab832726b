"""Runs workflows so that what happened stays: an event log, recorded steps, replay.

`engine.py` claims and drives runs, `service.py` is what clients ask of them, `run.py` is what a workflow under way has
in its hands, `replay.py` gives recorded results out again in their order, `feed.py` wakes those who watch, `state.py`
is the table of a run's states.
The engine knows no web framework and no agent framework.
"""
