"""Runs workflows so that what happened stays: an event log, recorded steps, replay.

Who does what:

- `engine.py` is one worker: it claims runs and hands them to its `driver.py`, which takes each through one `attempt.py`
  after another. `chore.py` is what has to be done beside that.
- `service.py` answers clients' requests, `reader.py` serves those who watch, and `feed.py` wakes them. They need no
  driver: another process may have it.
- `run.py` is what a workflow under way has in its hands. Its parts: `bridge.py` is the way between threads and loops,
  `journal.py` the way into the store, `backlog.py` what is not committed yet, `recording.py` the results,
  `question.py` the questions, `key.py` what makes something the same in a replay, `context.py` which run it is.
- `replay.py` gives recorded results out again in their order.
- `rehearsal.py` replays runs strictly: nothing is called or said. `strict.py` notes what the code wants, `outline.py`
  is what is kept of a request, and `verdict.py` says what differs.
- `state.py` is the table of a run's states.
- `observer.py` is the seam for whoever counts or traces, `health.py` says whether all of this is well, `logrecord.py`
  puts the run on log records, `failure.py` is why a run failed.

The engine knows no web framework and no agent framework.
"""
