"""How the Debian package is made: locked wheels staged for a target, its papers, and dpkg-buildpackage around them."""
