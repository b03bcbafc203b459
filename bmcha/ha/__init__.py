"""Availability decisions: who is heard, who holds the chassis, and why. Pure."""
