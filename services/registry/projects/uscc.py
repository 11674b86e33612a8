"""统一社会信用代码 (GB 32100-2015): shape and check character of an 18-character credit code."""

import re
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = tuple(pow(3, position, 31) for position in range(17))
# [0-9], not \d, which would also take full-width and other scripts' digits.
_BODY = re.compile(r"[1-9ANY][0-9A-HJ-NP-RTUWXY][0-9]{6}[0-9A-HJ-NP-RTUWXY]{9}")


def normalise_uscc(text: str) -> str:
    """What people type (lower case, full width, spaces or hyphens) in the form the check expects."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()


def check_character(first17: str) -> str:
    if not _BODY.fullmatch(first17):
        raise ValueError("not the first 17 characters of a credit code")
    total = sum(_VALUES[character] * weight for character, weight in zip(first17, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def valid_uscc(code: str) -> bool:
    return (
        len(code) == 18 and _BODY.fullmatch(code[:17]) is not None and code[17] == check_character(code[:17])
    )
