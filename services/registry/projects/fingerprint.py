"""A project's identity before it has a credit code: its team and title, without the accidents of typing."""

import hashlib
import unicodedata

FINGERPRINT_LENGTH = 32
_SEPARATOR = "\x1f"
_NOISE_CATEGORIES = ("P", "Z", "C")
# Longest first, so that 股份有限公司 does not leave 股份 behind.
_SUFFIXES = (
    "集团股份有限公司",
    "集團股份有限公司",
    "集团有限责任公司",
    "集團有限責任公司",
    "股份有限公司",
    "有限责任公司",
    "有限責任公司",
    "集团有限公司",
    "集團有限公司",
    "coltd",
    "有限公司",
    "有限合伙",
    "有限合夥",
    "创业团队",
    "項目團隊",
    "项目团队",
    "集团",
    "集團",
    "团队",
    "團隊",
    "公司",
    "项目",
    "項目",
)


def normalise(text: str) -> str:
    current = _normalise_once(text)
    # Folding and stripping can expose one another (a mark next to a removed space), so settle them.
    while (following := _normalise_once(current)) != current:
        current = following
    return current


def fingerprint(team: str, title: str) -> str:
    material = normalise(team) + _SEPARATOR + normalise(title)
    return hashlib.sha256(material.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_LENGTH]


def _normalise_once(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c for c in folded if not unicodedata.category(c).startswith(_NOISE_CATEGORIES))
    return _without_suffix(kept)


def _without_suffix(text: str) -> str:
    for suffix in _SUFFIXES:
        if text.endswith(suffix) and len(text) > len(suffix):
            return text.removesuffix(suffix)
    return text
