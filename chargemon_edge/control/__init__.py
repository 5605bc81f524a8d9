"""What the daemon does. Meets the world only through the ports; knows no socket, thread, database or library."""
