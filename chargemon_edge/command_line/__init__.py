"""What the command line can be told, one module per topic. Each imports a room only when it needs it: fast to start."""
