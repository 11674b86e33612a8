"""Chapters from incubation to production: gates, the landing, and where each function sits."""

from examples.demo.figures import counted, counted_no_longer, read, shown
from examples.demo.tale import COMPANY, LIANDU, PUDONG, USCC, Tale


async def incubation(tale: Tale) -> None:
    """Begin incubation and see the yardstick move."""
    tale.screen.chapter(
        "Incubation 孵化", "The tenant has moved in, so the project may start. It leaves the reserve."
    )
    await tale.move("incubation", tale.calendar.at(29))
    await counted(tale.cast.home_unit, "incubating", tale.project_id)
    before, now = tale.readings["before"][0], await read(tale.cast.home_unit)
    tale.screen.point(
        "yardstick", f"projects incubated {shown(before.incubating)} → {shown(now.incubating)}", style="green"
    )
    tale.screen.point("", f"reserve projects back to {shown(now.reserve)}")
    tale.checks.equal("incubating", now.since(before)["incubating"], 1)
    tale.checks.equal("reserve", now.since(before)["reserve"], 0)


async def research(tale: Tale) -> None:
    """Pass the gates to R&D, with R&D in the host city."""
    calendar = tale.calendar
    tale.screen.chapter(
        "Acceleration and R&D in Shanghai 加速 → 研发",
        "Each gate needs a passed review with evidence. R&D sits in 上海浦东: place belongs to a function of "
        "the project, never to its stage.",
    )
    await tale.review("acceleration", "gate_review_minutes", calendar.on(25))
    await tale.move("acceleration", calendar.at(25, 16))
    await tale.review("rnd", "gate_review_minutes", calendar.on(22))
    await tale.move("rnd", calendar.at(22, 16))
    await tale.place("rnd", PUDONG, calendar.on(22, 17))


async def landing(tale: Tale) -> None:
    """Sign and register at home, and move to pilot and industrialisation."""
    cast, calendar = tale.cast, tale.calendar
    tale.screen.chapter(
        "Landing in Lishui 落地：意向 → 签约 → 注册",
        "The landing is a track of its own. Signing needs commitments and a compliance check; registering "
        "needs a company inside the home unit's area with its tax registration.",
    )
    body = {
        "project_id": tale.project_id,
        "home_unit_id": cast.home_unit_id,
        "effective_at": calendar.at(24),
    }
    created = await cast.operator.post("registry", "/v1/landings", body, note="landing intent")
    tale.landing_id, tale.landing_version = created.body["id"], created.version
    signed = await tale.land(
        "signed",
        calendar.at(20),
        commitments={
            "amount_cny": "60000000.00",
            "start_on": calendar.on(9).isoformat(),
            "annual_output_cny": "120000000.00",
            "annual_tax_cny": "6000000.00",
            "jobs": 85,
        },
        compliance={"reinvestment_percent": 120, "relocation_clause": False},
    )
    tale.screen.point("compliance", "返投 120 %, no relocation clause: no warning")
    tale.checks.equal("the compliance check warns", signed["compliance"]["warned"], False)
    await tale.review("technology_maturity", "technology_maturity_review", calendar.on(17))
    await tale.move("pilot", calendar.at(17, 16))
    await tale.place("pilot", LIANDU, calendar.on(17, 17))
    evidence_id = await tale.file("tax_registration", calendar.on(14))
    entity = {"name": COMPANY, "uscc": USCC, "adcode": LIANDU}
    await tale.land("registered", calendar.at(14), legal_entity=entity, evidence_ids=[evidence_id])
    await tale.place("registration", LIANDU, calendar.on(14))
    await tale.place("tax", LIANDU, calendar.on(14))


async def production(tale: Tale) -> None:
    """Start works, produce, and place production and sales at home."""
    cast, calendar = tale.cast, tale.calendar
    tale.screen.chapter(
        "Production and sales HQ at home 产业化：开工 → 投产",
        "Capital and works are evidenced by the operator, the first output is verified by the home unit "
        "itself.",
    )
    await tale.review("pilot_report", "pilot_report", calendar.on(12))
    await tale.move("industrialisation", calendar.at(12, 16))
    await tale.stay("left", calendar.at(12, 20))
    started = [await tale.file(kind, calendar.on(11)) for kind in ("paid_in_capital", "works_start")]
    await tale.land("started", calendar.at(11), evidence_ids=started)
    await tale.place("production", LIANDU, calendar.on(11))
    output = await tale.file("output_statistics", calendar.on(5))
    path = f"{tale.path}/evidence/{output}"
    await cast.home_unit.post("registry", f"{path}:verify", {}, version=1, note="verified by 丽水经开区")
    produced = await tale.land(
        "producing", calendar.at(5), verified_output_cny="18000000.00", evidence_ids=[output]
    )
    await tale.place("sales_hq", LIANDU, calendar.on(5))
    tale.screen.point("output", f"CNY {float(produced['verified_output_cny']):,.0f} verified")
    places = await cast.home_unit.get("registry", f"{tale.path}/function-places")
    where = {place["function"]: place["place"]["name"] for place in places["items"]}
    tale.screen.points(
        [
            ("研发在沪", f"R&D sits in {where['rnd']}"),
            ("生产基地在丽", f"production sits in {where['production']}"),
            ("销售总部在丽", f"sales HQ sits in {where['sales_hq']}"),
        ],
        style="green",
    )
    adcodes = {place["function"]: place["adcode"] for place in places["items"]}
    expected = dict.fromkeys(("pilot", "registration", "tax", "production", "sales_hq"), LIANDU)
    tale.checks.equal("places", adcodes, {"rnd": PUDONG, **expected})


async def settle(tale: Tale) -> None:
    """Wait until metrics counts the landing and no longer the incubation."""
    await counted(tale.cast.home_unit, "landing_rate", tale.project_id)
    await counted_no_longer(tale.cast.home_unit, "incubating", tale.project_id)
