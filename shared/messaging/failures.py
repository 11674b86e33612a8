"""Which errors are worth trying again: those of the world around, not those of the event."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.db.driver import is_of_data
from shared.errors import DomainError
from shared.http import NetworkInTransaction, TransportError

_OF_THE_STATEMENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_OF_THE_WORLD = (OSError, PoolTimeoutError, TransportError)


def is_permanent(error: Exception) -> bool:
    """Tell whether the same attempt would fail in the same way again."""
    if isinstance(error, DBAPIError):
        of_statement = isinstance(error, _OF_THE_STATEMENT) or is_of_data(error)
        return of_statement and not error.connection_invalidated
    if isinstance(error, DomainError):
        return error.status < 500 and error.status != 429
    return not isinstance(error, _OF_THE_WORLD) or isinstance(error, NetworkInTransaction)
