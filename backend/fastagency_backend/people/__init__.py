"""Who is who: bearer tokens and what they prove, sessions, API tokens, the directory, roles, and the audit log.

No routes here, and no database: `store/people.py` keeps it, `web` asks.
"""
