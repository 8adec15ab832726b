"""The store on PostgreSQL: beside the embedded one, with much in it, and with many workers."""
