"""The base of every record, and the records that travel between wings."""
