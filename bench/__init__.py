"""Measures crmkit beside a floor and a peer: `python3 run.py bench`."""
