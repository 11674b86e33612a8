"""What scopes cover: ``<service>:*:<action>`` covers every area of the service."""

from collections.abc import Iterable

from shared.identity import Principal


def covers(granted: Iterable[str], scope: str) -> bool:
    """Tell whether the granted scopes include this one; what is no scope is never included."""
    return scope.count(":") == 2 and Principal("client", "", None, frozenset(granted)).has(scope)


def common_scopes(left: Iterable[str], right: Iterable[str]) -> frozenset[str]:
    """Return what both sets of scopes cover."""
    mine, theirs = frozenset(left), frozenset(right)
    kept = {scope for scope in mine if covers(theirs, scope)}
    return frozenset(kept | {scope for scope in theirs if covers(mine, scope)})
