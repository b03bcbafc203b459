"""Threads, queues and the loop around the node. Takes no decisions."""
