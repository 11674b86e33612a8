"""Words and codes for synthetic projects: stated industries in GB/T 4754 terms, and what is made there."""

from typing import Literal, TypeAlias

PlantClass: TypeAlias = Literal["office", "laboratory", "clean_room", "light_industrial", "heavy_industrial"]

# The wording of the enclaves' stated industries, so that a project fits the enclave it enters.
INDUSTRY_CODES_BY_STATED: dict[str, tuple[str, ...]] = {
    "高端装备制造": ("3491", "3421", "3493"),
    "新一代信息技术": ("6513", "3973", "6520", "6450"),
    "健康医疗": ("3581", "3584", "7340"),
    "节能环保": ("3591", "7721", "4021"),
    "新材料": ("3985", "2651", "3091", "3240"),
    "金融服务": ("6940", "6450"),
    "生命健康": ("2762", "3581", "2761"),
    "航空通用": ("3963", "3744"),
    "智能家电": ("3855", "3964", "3874"),
    "电子信息": ("3982", "3983", "3973", "3976"),
    "新能源": ("3841", "3825", "3415"),
    "生物医药": ("2710", "2720", "2761", "2762"),
    "汽车零部件": ("3670", "3962"),
    "智能制造": ("3491", "4011", "3493"),
    "医药食品": ("2740", "1492", "2720"),
}

# For an enclave whose industries are not stated.
GENERAL_INDUSTRY_CODES = ("3491", "6513", "3973", "2761", "3581", "3985", "3841", "3670", "3591", "4011")

PRODUCTS: dict[str, tuple[str, str, PlantClass]] = {
    "1492": ("植物基营养食品", "功能性益生菌食品", "light_industrial"),
    "2651": ("生物可降解树脂", "高流动性工程塑料", "heavy_industrial"),
    "2710": ("连续流原料药", "高纯度手性原料药", "heavy_industrial"),
    "2720": ("缓释口服制剂", "吸入粉雾制剂", "clean_room"),
    "2740": ("中药颗粒剂型", "经典名方制剂", "clean_room"),
    "2761": ("重组蛋白药物", "双特异性抗体", "clean_room"),
    "2762": ("信使核糖核酸疫苗", "基因递送载体", "clean_room"),
    "3091": ("高导热石墨膜", "负极碳材料", "heavy_industrial"),
    "3240": ("高熵合金粉末", "轻质镁锂合金", "heavy_industrial"),
    "3415": ("低风速风机叶轮", "漂浮式风电部件", "heavy_industrial"),
    "3421": ("五轴联动机床", "超精密磨床", "heavy_industrial"),
    "3491": ("协作机器人关节", "焊接机器人工作站", "light_industrial"),
    "3493": ("金属增材制造装备", "陶瓷光固化打印装备", "light_industrial"),
    "3581": ("便携式超声诊断仪", "可穿戴心电监护仪", "clean_room"),
    "3584": ("微创手术器械", "可吸收缝合器械", "clean_room"),
    "3591": ("工业废气催化装置", "膜法水处理装备", "light_industrial"),
    "3670": ("线控制动总成", "轻量化底盘部件", "heavy_industrial"),
    "3744": ("航空复材结构件", "机载供电单元", "light_industrial"),
    "3825": ("钙钛矿光伏组件", "光伏微型逆变器", "light_industrial"),
    "3841": ("固态锂电池电芯", "储能锂电池模组", "heavy_industrial"),
    "3855": ("扫拖一体机", "蒸汽清洁家电", "light_industrial"),
    "3874": ("自适应照明系统", "节律照明灯具", "light_industrial"),
    "3962": ("智能座舱控制器", "车载毫米波雷达", "light_industrial"),
    "3963": ("长航时无人机", "载重无人直升机", "light_industrial"),
    "3964": ("家庭陪护机器人", "庭院割草机器人", "light_industrial"),
    "3973": ("碳化硅功率芯片", "车规级微控制器", "clean_room"),
    "3976": ("硅光收发器件", "窄线宽激光器", "clean_room"),
    "3982": ("高频覆铜电路板", "柔性电路组件", "light_industrial"),
    "3983": ("微型压力传感器", "柔性触觉传感器", "clean_room"),
    "3985": ("半导体封装浆料", "高纯溅射靶材", "light_industrial"),
    "4011": ("可编程控制系统", "产线视觉检测系统", "light_industrial"),
    "4021": ("水质在线监测仪", "挥发物走航监测仪", "light_industrial"),
    "6450": ("工业数据治理平台", "可信数据空间服务", "office"),
    "6513": ("工业软件求解器", "制造执行系统", "office"),
    "6520": ("边缘计算芯片设计", "模拟前端芯片设计", "laboratory"),
    "6940": ("供应链金融信息服务", "科创企业信用画像服务", "office"),
    "7340": ("类器官药筛技术", "伴随诊断研发", "laboratory"),
    "7721": ("河道生态治理技术", "工业园区污水治理", "laboratory"),
}

TEAM_FIRST = (
    "青",
    "澄",
    "云",
    "岚",
    "禾",
    "砚",
    "朔",
    "明",
    "衡",
    "远",
    "星",
    "溪",
    "松",
    "竹",
    "枫",
    "屿",
    "川",
    "舟",
)
TEAM_SECOND = (
    "橙",
    "岭",
    "麓",
    "芷",
    "汀",
    "桐",
    "槐",
    "澜",
    "原",
    "叶",
    "石",
    "野",
    "峦",
    "帆",
    "浦",
    "晴",
    "羽",
    "朗",
)

SPACE_M2: dict[PlantClass, tuple[int, int]] = {
    "office": (200, 800),
    "laboratory": (300, 1500),
    "clean_room": (800, 4000),
    "light_industrial": (1500, 8000),
    "heavy_industrial": (3000, 20000),
}

EXIT_REASONS = {
    "rejected": "示例：产业方向不符，筛选未通过",
    "withdrawn": "示例：团队主动撤回申请",
    "failed": "示例：关键技术指标未达成，项目终止",
    "landed_elsewhere": "示例：团队选择在其他城市落地",
    "terminated": "示例：承诺未履行，协议终止",
}
