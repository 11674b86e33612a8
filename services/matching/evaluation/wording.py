"""What the figures of a report mean and do not mean, in both languages."""

from services.matching.evaluation.schemas import Kind, Meaning

_CENSORED = Meaning(
    zh="入驻未满期限的项目既不算落地也不算失败，只计入删失数。",
    en="A project admitted for less than the horizon counts neither as landed nor as failed; it is censored.",
)

MEANINGS: dict[Kind, list[Meaning]] = {
    Kind.BACKTEST: [
        Meaning(
            zh="用今天的画像、权重与事实重新评分，当时的评分已不可复原；「落地业绩」一项已含被检验的结果。",
            en="Scored with today's profiles, weights and facts; the scoring of that time cannot be had "
            "again, and the track record already counts the outcome.",
        ),
        Meaning(
            zh="只说明评分与过去的去向有多一致，不是照推荐去做会多落地多少。",
            en="It says how far the scoring agrees with where projects went, not how many more would have "
            "landed had it been followed.",
        ),
        _CENSORED,
    ],
    Kind.CALIBRATION: [
        Meaning(
            zh="用较早批次拟合、用较晚批次检验；误差超限或不优于统一基准率时不给出概率。",
            en="Fitted on earlier cohorts and judged on later ones; when the error is above the limit or no "
            "better than one rate for all, no probability is given.",
        ),
        Meaning(
            zh="概率说的是同一飞出地过去入驻的项目，不是换一个飞出地会怎样。",
            en="A probability speaks of projects like those the home unit has admitted, not of what another "
            "home unit would have made of them.",
        ),
        _CENSORED,
    ],
    Kind.PLACEBO: [
        Meaning(
            zh="这是合成市场，落地与否与飞出地无关，真实增益为零，与本网络的历史无关。",
            en="A synthetic market in which no home unit makes a difference: the true gain is zero. It says "
            "nothing of this network's history.",
        ),
        Meaning(
            zh="区间不含零的估计方法会在任何市场虚报增益，本服务不用它报告成效。",
            en="An estimator whose interval leaves out zero claims gains on any market; this service reports "
            "no results with it.",
        ),
    ],
}
