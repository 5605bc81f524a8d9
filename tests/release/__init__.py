"""What a release must pass beside everyday's tests; takes long, and fetches Debian packages from a mirror."""
