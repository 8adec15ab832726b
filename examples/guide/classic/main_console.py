"""The same workflows in a terminal, in one process and without a server.

Start it with: fastagency run main_console.py
"""

from workflow import wf

from fastagency.app import FastAgency
from fastagency.ui.console import ConsoleUI

app = FastAgency(provider=wf, ui=ConsoleUI(), title="Learning Chat")
