"""Who may draw how much, decided by pure code: no loop, no clock, no input or output; *now* is handed in."""
