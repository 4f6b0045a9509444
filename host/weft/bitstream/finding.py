"""One thing that ``weft doctor`` looked for."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked for.

    Parameters
    ----------
    name, needed_for : str
    found : str or None
        Version or path; None where it is missing.
    repair : str
        Command that installs it.
    """

    name: str
    needed_for: str
    found: str | None
    repair: str
