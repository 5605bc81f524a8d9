"""The protocol against generated payloads, bytes and sequences."""
