"""Chapters before the project: the network, what the article claims, who takes part, where things stand."""

from collections.abc import Mapping

from examples.demo.cast import ENCLAVE, Cast, assemble, put_profiles
from examples.demo.checks import Checks
from examples.demo.client import Client
from examples.demo.figures import Rate, Reading, read, shown
from examples.demo.screen import Screen
from examples.demo.tale import Tale

_SHOWN = ("嘉善国际创新中心(上海)", "深圳-洛阳科创飞地", ENCLAVE)
_NOT_A_RATE = "no_mature_admissions"


async def network(screen: Screen, checks: Checks, administration: Client) -> None:
    """Show the enclaves of the article and its claims."""
    screen.chapter(
        "The network 飞地网络",
        "A home city (飞出地) opens an enclave (科创飞地) inside a research city, finds projects there and, "
        "once they are mature, lands production at home. The registry was seeded with what one article "
        "(《科创飞地——打造离岸创新中心》, 东滩智库, undated, republished by 2023) states about ten such "
        "enclaves. Whatever the article does not state is null, never guessed.",
    )
    enclaves = await administration.get("registry", "/v1/enclaves", limit=200)
    for enclave in (e for e in enclaves["items"] if e["name"] in _SHOWN):
        host = enclave["host_place"]["name"]
        area = f"{enclave['area_m2']:,.0f} m²" if enclave["area_m2"] else "no exact area stated"
        operator = "operator known" if enclave["operator_id"] else "operator not stated"
        screen.point(enclave["home_place"]["name"], f"{enclave['name']} → {host}, {area}, {operator}")
    screen.point("", f"… {len(enclaves['items'])} in all")
    checks.equal("enclaves of the article", len(enclaves["items"]), 10)
    checks.holds("no operator is invented", sum(e["operator_id"] is not None for e in enclaves["items"]) == 3)


async def claims(screen: Screen, checks: Checks, administration: Client) -> None:
    """Show that a stated figure is a claim and gives no rate."""
    screen.chapter(
        "A claim is not a rate 数据声明",
        "The article says that Lishui's enclave has introduced 112 projects. That is kept as a claim, with "
        "its quote. No landing rate follows from it: it has no date and no denominator.",
    )
    found = await administration.get("registry", "/v1/claims", metric="projects_introduced_cumulative")
    claim = found["items"][0]
    screen.point("value", f"{claim['value']} {claim['unit']}, as of {claim['as_of'] or 'unknown'}")
    screen.point("quote", f"{claim['quote'][:34]}…  ({claim['source']})")
    checks.equal("the claim", (float(claim["value"]), claim["as_of"]), (112.0, None))
    wuxi = await administration.get(
        "registry", "/v1/organisations", name="无锡市", kind="home_unit", quiet=True
    )
    screen.gap()
    screen.say(
        "Nor is there a rate for 无锡市: the article's counts of its enclaves add up to 31, but none of its "
        "projects is on file here. Its landing rate is unknown, which is not zero.",
    )
    answer = await administration.get("metrics", "/v1/kpis/landing_rate", home_unit_id=wuxi["items"][0]["id"])
    rate = Rate.of(answer)
    screen.point("landing rate", f"null — {rate.reason}")
    checks.equal("landing rate without records", rate.value, None)
    checks.equal("its reason", answer["figure"]["reason"]["code"], _NOT_A_RATE)


async def parties(urls: Mapping[str, str], screen: Screen, checks: Checks, administration: Client) -> Cast:
    """Give the two organisations of the story their credentials, and matching its profiles."""
    screen.chapter(
        "Who takes part 参与方",
        "Every organisation calls with its own credential and sees only what it is a party of. The network "
        "administration gives the home unit 丽水经开区 and an operator one each. The article does not say "
        "who runs this enclave, so the operator is a synthetic one (示例).",
    )
    cast = await assemble(urls, screen, administration)
    screen.gap()
    screen.say("Each home unit that has not yet done so tells matching what it takes and offers (synthetic):")
    told, known = await put_profiles(urls, screen, cast)
    now = f"… {told} put now" if told else "none now, an earlier run has put them"
    screen.point("profiles", f"{now}; {known} home units have one")
    seen = await cast.home_unit.get("registry", "/v1/enclaves", quiet=True)
    checks.equal("enclaves 丽水经开区 sees", [e["name"] for e in seen["items"]], [ENCLAVE])
    return cast


async def before(tale: Tale) -> None:
    """Read the yardsticks before anything happens."""
    screen = tale.screen
    screen.chapter(
        "The three yardsticks, before 三项评判标准",
        "Projects incubated (在孵), reserve projects (储备) and landing rate (落地率): of the projects "
        "admitted at least 24 months ago, the share registered at home within 24 months of admission. "
        "Younger ones are counted beside it and not as failures.",
    )
    mine = await read(tale.cast.home_unit)
    whole = await read(tale.cast.administration, quiet=True)
    tale.readings["before"] = mine, whole
    screen.table([*_table_head(), _row("丽水经开区", mine), _row("whole network", whole)])
    screen.say("Synthetic projects, marked 【示例】, give these figures something to count.", style="dim")
    tale.checks.holds("there is something to count", bool(whole.incubating and whole.reserve))
    tale.checks.holds("the network has a landing rate", whole.landing_24.value is not None)


def _table_head() -> list[list[str]]:
    return [["", "incubated 在孵", "reserve 储备", "landing rate 24 mo", "36 mo", "too young for 24"]]


def _row(name: str, reading: Reading) -> list[str]:
    young = shown(reading.landing_24.too_young)
    rates = [str(reading.landing_24), str(reading.landing_36)]
    return [name, shown(reading.incubating), shown(reading.reserve), *rates, young]
