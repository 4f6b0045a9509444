"""Pages, tables and pictures of a network and of its run."""
