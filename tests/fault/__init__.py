"""Kills real processes at random moments and looks whether anything was lost."""
