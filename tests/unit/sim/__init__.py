"""The site in a box, piece by piece."""
