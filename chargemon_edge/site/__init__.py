"""The nouns of a site: units, wiring, facts, and the picture they fold into. Pure: no input, no output, no clock."""
