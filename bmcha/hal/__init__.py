"""The only folder that touches Linux: the ports, and one file for each device."""
