"""What must hold when packages are made."""
