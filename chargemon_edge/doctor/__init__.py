"""Looks at a whole installation, running or stopped: each part is in order, or what is to be done. Changes nothing."""
