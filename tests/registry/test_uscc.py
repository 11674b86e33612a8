import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.projects.fingerprint import FINGERPRINT_LENGTH, fingerprint, normalise
from services.registry.projects.uscc import ALPHABET, check_character, normalise_uscc, valid_uscc

BODIES = st.builds(
    lambda department, kind, adcode, organisation: department + kind + adcode + organisation,
    st.sampled_from("123456789ANY"),
    st.sampled_from(ALPHABET),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=9, max_size=9),
)


def test_the_example_of_the_standard_is_valid() -> None:
    assert valid_uscc("91350100M000100Y43")


@given(BODIES)
def test_exactly_one_check_character_is_valid(body: str) -> None:
    assert [c for c in ALPHABET if valid_uscc(body + c)] == [check_character(body)]


@given(BODIES, st.integers(0, 16), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found(body: str, position: int, character: str) -> None:
    code = body + check_character(body)
    changed = code[:position] + character + code[position + 1 :]
    assert valid_uscc(changed) == (changed == code)


@given(st.text())
def test_any_text_is_judged_and_never_raises(text: str) -> None:
    assert valid_uscc(text) in (True, False)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "91350100M000100Y4",
        "91350100M000100Y433",
        "91350100m000100y43",
        "91350100M000100Y43\n",
        "９1350100M000100Y43",
        "9135010٠M000100Y43",
        "91350100I000100Y43",
        "01350100M000100Y43",
    ],
)
def test_malformed_codes_are_not_valid(code: str) -> None:
    assert not valid_uscc(code)


def test_a_malformed_body_has_no_check_character() -> None:
    with pytest.raises(ValueError, match="credit code"):
        check_character("short")


def test_typed_codes_are_normalised() -> None:
    assert normalise_uscc(" ９1350100-m000100 y43 ") == "91350100M000100Y43"


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text("青橙科技abcXYZ固态电池", min_size=1), st.text("青橙abcXYZ固态电池", min_size=1))
def test_fingerprint_ignores_width_case_space_and_punctuation(team: str, title: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in team)
    assert fingerprint(f" {wide} ", f"《{title.upper()}》") == fingerprint(team, title.lower())


@given(st.text(), st.text())
def test_fingerprint_is_hexadecimal_of_fixed_length(team: str, title: str) -> None:
    value = fingerprint(team, title)
    assert len(value) == FINGERPRINT_LENGTH
    assert set(value) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "team",
    [
        "青橙科技有限公司",
        "青橙科技（有限公司）",
        "青橙科技股份有限公司",
        "青橙科技有限責任公司",
        "青橙科技 Co., Ltd.",
        "青橙科技集团有限公司",
    ],
)
def test_legal_suffixes_do_not_make_another_team(team: str) -> None:
    assert fingerprint(team, "固态电池") == fingerprint("青橙科技", "固态电池")


def test_team_and_title_do_not_run_into_each_other() -> None:
    assert fingerprint("青橙", "科技电池") != fingerprint("青橙科技", "电池")
    assert fingerprint("有限公司", "电池") != fingerprint("", "电池")
    assert unicodedata.is_normalized("NFKC", normalise("ﬁ①Ａ"))
