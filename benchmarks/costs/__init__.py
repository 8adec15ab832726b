"""What a run costs: every row of the table, each beside a bare FastAPI application in the same run."""
