"""Counters and the flight recorder. May be imported from everywhere."""
