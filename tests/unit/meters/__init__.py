"""The meters' pure parts: maps, decoding, freshness, self-test."""
