"""The ids of what is loaded, derived from the plan's keys: a second run finds what the first one made."""

from shared.ids import derived_id


def organisation_id(key: str) -> str:
    """Return the id of a party."""
    return derived_id("org", "seed", key)


def enclave_id(key: str) -> str:
    """Return the id of an enclave."""
    return derived_id("enc", "seed", key)


def network_id(key: str) -> str:
    """Return the id of a network."""
    return derived_id("net", "seed", key)


def agreement_id(key: str) -> str:
    """Return the id of an agreement."""
    return derived_id("agr", "seed", key)


def claim_id(key: str) -> str:
    """Return the id of a claim."""
    return derived_id("clm", "seed", key)


def project_id(key: str) -> str:
    """Return the id of a synthetic project."""
    return derived_id("prj", "seed", key)


def evidence_id(key: str) -> str:
    """Return the id of a piece of evidence."""
    return derived_id("evd", "seed", key)
