"""The protocol between central system and charge points, pure: bytes and moments in, values and bytes out."""
