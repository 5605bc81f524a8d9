"""The disk: facts become rows here, and rows the first picture. Knows no charger, no meter and no page."""
