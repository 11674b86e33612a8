"""What a market or a configuration is refused for."""


class InvalidMarket(ValueError):
    """A market that is no market: names what is wrong and where; nothing was computed."""


class InvalidConfiguration(ValueError):
    """A configuration that asks for what no mechanism does, or for two things that exclude each other."""


class Infeasible(ValueError):
    """No assignment at all keeps every rule, for instance because fixed commitments exceed a quota."""
