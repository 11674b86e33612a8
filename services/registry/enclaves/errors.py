"""Refusals about enclaves and their networks."""

from shared.errors import Conflict


class EnclaveExists(Conflict):
    """The external id already belongs to another enclave of this home unit."""

    code = "enclave_exists"
    title_en = "Another enclave of this home unit has this external id"
    title_zh = "外部编号已被该飞出地的其他科创飞地使用"


class NetworkExists(Conflict):
    """The external id already belongs to another network of this operator."""

    code = "network_exists"
    title_en = "Another network of this operator has this external id"
    title_zh = "外部编号已被该运营方的其他网络使用"


class UnknownEnclave(Conflict):
    """A referenced enclave does not exist or is not visible to the caller."""

    code = "unknown_enclave"
    title_en = "The enclave does not exist"
    title_zh = "科创飞地不存在"


class EnclavePeriodInvalid(Conflict):
    """An enclave closes before it opens."""

    code = "enclave_period_invalid"
    title_en = "The enclave would close before it opens"
    title_zh = "关闭日期早于开放日期"


class CentreTaken(Conflict):
    """A 1+N network has one centre, and this one has it already."""

    code = "centre_taken"
    title_en = "The network already has a centre enclave"
    title_zh = "该网络已有中心飞地"


class EnclaveInNetwork(Conflict):
    """An enclave belongs to one network at a time."""

    code = "enclave_in_network"
    title_en = "The enclave already belongs to a network"
    title_zh = "该飞地已属于某个网络"


class EnclaveNotCloud(Conflict):
    """The cloud enclaves of a network let no space; one with a carrier of its own is not among them."""

    code = "enclave_not_cloud"
    title_en = "The enclave is not a cloud enclave"
    title_zh = "该飞地不是云飞地"


class NotAMember(Conflict):
    """The enclave is not in this network."""

    code = "not_a_member"
    title_en = "The enclave does not belong to this network"
    title_zh = "该飞地不属于此网络"
