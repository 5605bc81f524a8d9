"""The page and the API on real sockets and in a real browser."""
