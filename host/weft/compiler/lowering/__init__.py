"""From nodes to layer descriptors: one file for each kind of operator."""
