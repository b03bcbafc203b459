"""The virtual chassis that ships with bmcha."""
