"""Keys and certificates: the built-in authority, the listeners' TLS, and what chargers want signed. Opens no socket."""
