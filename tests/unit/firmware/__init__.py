"""The library of firmware, its tickets and its bounds, without a socket."""
