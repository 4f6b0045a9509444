"""The engine: what runs a program's layers between its memories."""
