"""Outputs of the torch reference on the seeded tiny checkpoints, stored, and the script that makes them."""
