"""Platform files of boards that amaranth-boards has not."""
