"""Refusals about inbound sources, their mappings and messages."""

from shared.errors import Conflict, DomainError, InsufficientScope, Unauthenticated, Unprocessable


class InvalidSignature(Unauthenticated):
    """Unknown source, wrong signature or stale timestamp: all look the same."""

    code = "invalid_signature"
    title_en = "The message is not signed by a known source"
    title_zh = "消息未由已知来源正确签名"


class SourceDisabled(InsufficientScope):
    """The message is signed right, and its source takes none now."""

    code = "source_disabled"
    title_en = "The source is disabled"
    title_zh = "该来源已停用"


class TooManyMessages(DomainError):
    """The source has had as many messages taken in this minute as it may send."""

    code = "too_many_messages"
    status = 429
    title_en = "The source has sent too many messages in this minute"
    title_zh = "该来源本分钟发送的消息过多"


class TooManySecrets(Conflict):
    """Three secrets of the source are still valid."""

    code = "too_many_secrets"
    title_en = "The source has three secrets that are still valid"
    title_zh = "该来源已有三个有效密钥"


class InvalidMapping(Unprocessable):
    """The mapping names what its commands do not have."""

    code = "invalid_mapping"
    title_en = "The mapping does not fit its commands"
    title_zh = "字段映射与命令不符"


class UnknownMapping(Conflict):
    """The source has no mapping of this version."""

    code = "unknown_mapping"
    title_en = "The source has no such mapping"
    title_zh = "该来源没有此版本的字段映射"


class UnmappedMessage(Conflict):
    """No rule of the mapping is for messages of this type."""

    code = "unmapped_message"
    title_en = "No rule of the mapping takes this message"
    title_zh = "字段映射中没有适用于该消息的规则"


class UnknownRecord(Conflict):
    """The record a message is about does not exist, or the source may not see it."""

    code = "unknown_record"
    title_en = "The record the message is about is not known"
    title_zh = "消息所涉及的记录不存在"


class UnforeseenFailure(DomainError):
    """Applying the message failed in a way nobody foresaw; nothing of it took effect."""

    code = "unforeseen_failure"
    title_en = "Applying the message failed unexpectedly"
    title_zh = "处理该消息时发生意外错误"


class MessageSettled(Conflict):
    """Only what is in quarantine is reprocessed or discarded."""

    code = "message_settled"
    title_en = "The message is not in quarantine"
    title_zh = "该消息不在隔离区"


class TooManyRepairs(Conflict):
    """A message was tried again as often as it may be."""

    code = "too_many_repairs"
    title_en = "The message was tried again too often; discard it"
    title_zh = "该消息重试次数过多，请作废"
