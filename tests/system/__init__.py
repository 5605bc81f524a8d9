"""The real process, started as systemd starts it, with real peers at every wire."""
