"""What every imported graph is held to: shapes, types, limits."""
