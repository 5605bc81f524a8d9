"""The operator's network: a read-only page and API over TCP, and the Unix socket of the command line."""
