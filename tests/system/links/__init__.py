"""What several tests of the link share."""
