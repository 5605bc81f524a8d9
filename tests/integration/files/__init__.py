"""Files for and from charge points on real sockets, with curl as the charge point's side."""
