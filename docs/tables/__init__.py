"""Tables of the documentation that are made, not written."""
