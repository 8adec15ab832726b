"""The chat page, which talks to the backend of `main_1_fastapi.py`.

Start it with: gunicorn main_2_mesop:app -b 0.0.0.0:8888 --reload
On Windows with: waitress-serve --listen=0.0.0.0:8888 main_2_mesop:app
"""

import os

from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency.app import FastAgency
from fastagency.ui.mesop import MesopUI

fastapi_url = os.environ.get("FASTAGENCY_BACKEND_URL", "http://localhost:8008")
provider = FastAPIAdapter.create_provider(fastapi_url=fastapi_url)

app = FastAgency(provider=provider, ui=MesopUI(), title="Learning Chat")
