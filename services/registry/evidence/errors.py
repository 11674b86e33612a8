"""Refusals about evidence."""

from shared.errors import Conflict


class UnknownEvidence(Conflict):
    """A step refers to evidence that is not filed for its project."""

    code = "unknown_evidence"
    title_en = "The evidence is not filed for this project"
    title_zh = "该项目没有此证明材料"


class EvidenceVerified(Conflict):
    """Evidence is verified once."""

    code = "evidence_verified"
    title_en = "The evidence is already verified"
    title_zh = "该证明材料已核验"
