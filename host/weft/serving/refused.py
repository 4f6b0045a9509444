"""A request that gets an error instead of an answer."""

from http import HTTPStatus

from weft.errors import WeftError

__all__ = ["Refused", "status_of"]


class Refused(WeftError):
    """The request cannot be carried out.

    Parameters
    ----------
    message : str
        One sentence, for the client.
    status : HTTPStatus
        What HTTP calls it; gRPC has a name of its own for each that occurs.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST):
        super().__init__(message)
        self.status = status


def status_of(error: Exception) -> HTTPStatus:
    """Return the status that goes with ``error``: of a WeftError the client is the cause."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, WeftError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR
