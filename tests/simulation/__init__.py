"""The whole real program on a simulated site, in virtual time."""
