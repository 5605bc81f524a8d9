"""The page and the API without sockets."""
