"""The backend: the workflows behind the FastAPI adapter.

Start it with: uvicorn main_1_fastapi:app --host 0.0.0.0 --port 8008 --reload
"""

from fastapi import FastAPI
from workflow import wf

from fastagency.adapters.fastapi import FastAPIAdapter

adapter = FastAPIAdapter(provider=wf)

app = FastAPI(title="Learning chat")
app.include_router(adapter.router)
