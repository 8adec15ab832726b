"""How gunicorn serves the page when it is started in this folder: gunicorn reads this file by itself.

The settings of `fastagency frontend`, so that `gunicorn fastagency_frontend.main:app` does the same; the
command line of gunicorn wins over them.
"""

from fastagency_frontend.command.serve import gunicorn_options
from fastagency_frontend.settings import load_settings

globals().update(gunicorn_options(load_settings()))
