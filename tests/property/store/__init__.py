"""The store against generated groups of facts."""
