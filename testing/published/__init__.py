"""Checks of the published files, for a machine that reaches the Hub; ``tools/check_published.py`` runs them."""
