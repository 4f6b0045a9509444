"""Fleets of served boards in processes of their own, and clients that keep them busy."""
