"""The services as child processes of one supervisor, on one machine."""

from deploy.local.supervisor import (
    LocalStack,
    PortTakenError,
    ServiceFailedError,
    StackError,
    StackInterruptedError,
)

__all__ = ["LocalStack", "PortTakenError", "ServiceFailedError", "StackError", "StackInterruptedError"]
