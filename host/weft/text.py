"""Text of strangers, such as names in files, made safe to show."""

__all__ = ["printable", "reason"]


def printable(text: str) -> str:
    """Return ``text`` with all that is not shown as itself escaped, as in a Python string.

    That is control characters, line ends, what changes the direction of text, and bytes of file
    names that are not UTF-8. A terminal would obey some of them.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def reason(error: Exception) -> str:
    """Return what an error says, of the system's own ones the file and the reason alone."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
