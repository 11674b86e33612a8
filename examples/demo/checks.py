"""What the demo asserts about every figure it shows."""

from dataclasses import dataclass, field
from typing import Any

from examples.demo.screen import Screen


@dataclass
class Checks:
    """Counts what held and remembers what did not."""

    screen: Screen
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    def equal(self, what: str, actual: Any, expected: Any) -> None:
        """Note whether a value is the expected one."""
        self.holds(f"{what} is {actual!r}, expected {expected!r}", actual == expected)

    def holds(self, what: str, condition: bool) -> None:
        """Note whether something holds; what does not is said at once."""
        if condition:
            self.passed += 1
            return
        self.failed.append(what)
        self.screen.say(f"✗ {what}", style="red")
