"""The cycle model: cycles of a layer in closed form."""
