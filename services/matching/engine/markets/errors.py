"""What a market or a configuration is refused for."""


class Refusal(ValueError):
    """A refusal in words: ``en`` and ``zh`` are parts of a sentence, without its full stop."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.en, self.zh = en, zh

    def __str__(self) -> str:
        return self.en


class InvalidMarket(Refusal):
    """A market that is no market: names what is wrong and where; nothing was computed."""


class InvalidConfiguration(Refusal):
    """A configuration that asks for what no mechanism does, or for two things that exclude each other."""


class Infeasible(Refusal):
    """No assignment at all keeps every rule, for instance because fixed commitments exceed a quota."""
