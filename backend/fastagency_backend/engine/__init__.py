"""Runs workflows so that what happened stays: an event log, recorded steps, replay.

Who does what:

- `engine.py` is one worker: it claims runs and hands them to its `driver.py`, which takes each through one `attempt.py`
  after another. `chore.py` is what has to be done beside that (`pause.py` says when), `line.py` watches the runs that
  wait for a worker, `gate.py` holds runs back while the store cannot write, and `stray.py` gives back what is owned and
  not driven.
- `api.py` is a process that answers clients and drives nothing; `catalogue.py` tells it what workflows workers have.
- `service.py` answers clients' requests, `reader.py` serves those who watch, and `feed.py` wakes them. They need no
  driver: another process may have it. `view.py` is how clients see a run.
- `run.py` is what a workflow under way has in its hands. Its parts: `bridge.py` is the way between threads and loops,
  `journal.py` the way into the store, `backlog.py` what is not committed yet, `recording.py` the results (`unsaved.py`
  those that the store has not taken), `limits.py` how large things may be, `nul.py` what no text may have,
  `question.py` the questions, `sleep.py` and `alarm.py` the time, `activity.py` whether it only waits, `slot.py` what a
  framework keeps of it.
- `key.py` and `identity.py` make something the same in a replay, `replay.py` gives results out in their order.
- `context.py` says which run the code belongs to, `tracking.py` which tasks, and `containment.py` keeps in the run what
  its code raises. `trial.py` takes up alone what may have taken a worker down. `watchdog.py`, `watch.py` and
  `blackbox.py` name the code that holds the loop up.
- `rehearsal.py` replays runs strictly: nothing is called or said. `strict.py` notes what the code wants, `outline.py`
  is what is kept of a request, and `verdict.py` says what differs.
- `state.py` is the table of a run's states, `spec.py` a workflow as the engine sees it, `body.py` a message as text.
- `observer.py` is the seam for whoever counts or traces, `health.py` says whether all of this is well (`lag.py` whether
  the loop is), `memory.py` what is given back to the system, `logrecord.py` and `about.py` put the run on log records,
  `failure.py` is why a run failed.

The engine knows no web framework and no agent framework.
"""
