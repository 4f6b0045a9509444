"""Order of layers, places in memory, images of the memories."""
