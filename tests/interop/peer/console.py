"""The peer's console, run in the peer's environment: `python console.py URL WORKFLOW`, answered on its stdin."""

import sys

from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency.app import FastAgency
from fastagency.ui.console import ConsoleUI

provider = FastAPIAdapter.create_provider(fastapi_url=sys.argv[1])
app = FastAgency(provider=provider, ui=ConsoleUI())
app.start(import_string="console:app", name=sys.argv[2], params={})
