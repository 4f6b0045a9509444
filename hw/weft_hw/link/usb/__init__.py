"""USB as the link: descriptors, endpoints, and the pins of a full-speed device."""
