"""The protocol, without a loop."""
