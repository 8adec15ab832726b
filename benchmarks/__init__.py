"""Benchmarks of FastAgency: see README.md."""
