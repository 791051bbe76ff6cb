"""Fixed word lists: names, places, and what stands on buttons, menus and forms, in two languages."""


def _listed(text: str, mark: str = " ") -> tuple[str, ...]:
    return tuple(text.split(mark))


# The words of one and two letters that are worth printing, and names that are commoner as plain words.
SHORT_WORDS = _listed("a i to of in is it on be as at he by or we an so if me my do no up us go")
COMMON_NOUNS = _listed("may march frank grace rose hall hill green gray white brown young wood king turkey")

MONTHS = _listed("January February March April May June July August September October November December")
DAYS_AND_MONTHS = (*MONTHS, *_listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"))
GIVEN_NAMES = _listed(
    "Alice Amir Anna Arthur Beatrice Benjamin Carlos Charlotte Daniel Diana Edward Elena Emma Fatima Felix "
    "Frank George Grace Hannah Henry Hugo Ingrid Isabel Jack James Jane Julia Kate Kevin Laura Leo Lucy "
    "Maria Martin Maya Michael Nadia Nicholas Nina Oliver Omar Oscar Patricia Paul Peter Quentin Rachel "
    "Robert Rosa Samuel Sarah Sofia Thomas Ursula Victor Walter Wendy Xavier Yusuf Zoe"
)
SURNAMES = _listed(
    "Adams Allen Baker Bennett Brown Campbell Carter Chen Clark Collins Cooper Davies Edwards Evans "
    "Fischer Foster Garcia Gonzalez Gray Green Hall Harris Hill Hughes Ibrahim Jackson Johnson Jones Kelly "
    "King Kowalski Lee Lewis Lopez Martinez Mitchell Moore Morgan Murphy Nguyen O'Brien Parker Patel "
    "Phillips Quinn Reed Roberts Robinson Ross Schmidt Scott Silva Smith Stewart Taylor Turner Vasquez "
    "Walker Ward Watson White Williams Wilson Wood Wright Young Zhang Zimmerman"
)
CITIES = _listed(
    "Amsterdam Athens Atlanta Austin Baltimore Bangkok Barcelona Beijing Berlin Boston Bristol Brussels "
    "Cairo Calgary Chicago Copenhagen Dallas Delhi Denver Dublin Edinburgh Florence Geneva Glasgow Hamburg "
    "Helsinki Houston Istanbul Jakarta Kyoto Lagos Leeds Lima Lisbon Liverpool London Madrid Manchester "
    "Melbourne Miami Milan Montreal Munich Nairobi Oslo Ottawa Oxford Paris Philadelphia Phoenix Portland "
    "Prague Quebec Rome Seattle Seoul Shanghai Singapore Stockholm Sydney Tokyo Toronto Vancouver Vienna "
    "Warsaw Zurich"
)
STREETS = _listed(
    "Maple Oak Cedar Elm Pine Park Lake Hill River Church Station Mill Bridge Market Queen King Victoria "
    "Washington Lincoln Highland Sunset Garden Orchard Spring Harbor Forest Meadow Chapel Castle Union"
)
STREET_KINDS = _listed("Street Road Avenue Lane Drive Court Square Boulevard St. Rd. Ave.")
COUNTRIES = _listed(
    "Africa African America American Americans Arabic Asia Asian Australia Australian Austria Brazil "
    "Britain British California Canada Canadian China Chinese Christian Christmas Dutch Easter Egypt "
    "England English Europe European Florida France French German Germany Greece Greek Hollywood Hungary "
    "Iceland India Indian Indonesia Internet Iran Iraq Ireland Irish Israel Italian Italy Japan Japanese "
    "Jewish Kenya Korea Korean Latin Malaysia Mexican Mexico Michigan Netherlands Norway Pacific Pakistan "
    "Philippines Poland Polish Portugal Roman Russia Russian Scotland Scottish Spain Spanish Sweden "
    "Swedish Swiss Switzerland Texas Thailand Turkey Turkish Ukraine Vietnam Virginia Wales"
)
REGIONS = _listed("AL AZ CA CO FL GA IL IN KY MA MD MI MN MO NC NJ NV NY OH OR PA TX UT VA WA WI")
ACRONYMS = _listed(
    "API BBC CEO CPU DNA EU FAQ GDP GPS GPU HTML HTTP ID IT JSON LED NASA OK PDF PhD RGB SQL TV UK UN URL "
    "USA USB UTC VIP Wi-Fi XML ISO CT AI AM FM NBA"
)
ABBREVIATIONS = _listed("e.g. i.e. etc. vs. approx. cf. ca. Dr. Mr. Mrs. Prof. St. Inc. Ltd. No. Vol. Fig. p. U.S.")
UNITS = _listed("kg km cm mm px MB GB Hz kW ms")
SYMBOLS = _listed("#1 A/B C++ C# x=y x^2 a_b ~10 <3 -> {x} [1] $5 @home \\n n|m `ls` + *")

UI = _listed(
    "About us|Accept all|Account|Add to cart|Advanced|All rights reserved|Apply|Archive|Attachments|Back|"
    "Billing|Bookmarks|Browse|Calendar|Cancel|Careers|Categories|Change password|Checkout|Choose file|"
    "Clear all|Close|Comments|Compare|Confirm|Contact|Continue|Contents|Cookies|Copy link|Create account|"
    "Customer service|Dashboard|Delete|Delivery|Description|Details|Discard|Documents|Done|Download|Drafts|"
    "Edit|Email address|Events|Explore|Export as PDF|FAQ|Favorites|Featured|Feedback|File|Filter|"
    "First name|Follow us|Forgot password?|Forum|Free shipping|Gallery|Get started|Go|Help|Hide|Home|"
    "Import|In stock|Inbox|Insert|Invoice|Join now|Language|Last name|Latest news|Learn more|Load more|"
    "Location|Log in|Log out|Maps|Menu|Messages|More|My orders|Name|New|Newsletter|Next|No results found|"
    "Notifications|OK|Open|Options|Order now|Overview|Password|Payment|Phone|Photos|Popular|Preferences|"
    "Preview|Previous|Print|Privacy policy|Products|Profile|Projects|Quantity|Read more|Recent|Refresh|"
    "Register|Related articles|Remember me|Remove|Reply|Report|Reset|Restore|Results|Return policy|Reviews|"
    "Save|Save as...|Schedule|Search|See all|Select|Send|Services|Settings|Share|Show details|Sign in|"
    "Sign up|Site map|Skip|Sold out|Sort by|Start|Status|Store|Submit|Subscribe|Subtotal|Support|Tags|Tax|"
    "Team|Terms of use|Tickets|Tools|Top stories|Total|Track order|Trash|Try again|Undo|Update|Upgrade|"
    "Upload|Username|Version|Videos|View cart|View source|Warning|Watch later|Welcome|Yes|"
    "Your cart is empty|Zoom in",
    "|",
)
STATUSES = ("Active", "Closed", "Done", "Draft", "Failed", "New", "Open", "Paid", "Pending", "Shipped")

ZH_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余杜叶程苏魏吕丁任沈姚卢"
    "姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
ZH_GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂文辉玲建国华红玉兰春梅志海燕晓东鹏宇浩轩子涵梓萱欣怡思远"
    "嘉佳雨泽晨阳博瑞雪琳倩雯婷颖慧莹凯旭峰云飞翔林森安宁乐天一凡若曦诗琪"
)
ZH_PLACES = _listed(
    "北京市朝阳区 北京市海淀区 上海市浦东新区 上海市徐汇区 天津市南开区 重庆市渝中区 广州市天河区 "
    "深圳市南山区 杭州市西湖区 南京市鼓楼区 苏州市姑苏区 武汉市武昌区 成都市锦江区 西安市雁塔区 "
    "长沙市岳麓区 青岛市市南区 济南市历下区 郑州市金水区 沈阳市和平区 大连市中山区 哈尔滨市道里区 "
    "长春市朝阳区 昆明市五华区 贵阳市云岩区 福州市鼓楼区 厦门市思明区 南昌市东湖区 合肥市蜀山区 "
    "太原市迎泽区 兰州市城关区 乌鲁木齐市天山区 拉萨市城关区 南宁市青秀区 海口市龙华区 呼和浩特市新城区 "
    "银川市兴庆区 西宁市城中区 石家庄市长安区 宁波市海曙区 无锡市梁溪区"
)
ZH_ROADS = _listed(
    "人民 中山 解放 建设 和平 新华 文化 胜利 青年 长江 黄河 世纪 学院 科技 花园 滨江 湖滨 东风 光明 友谊 "
    "北京 南京 朝阳 幸福 迎宾 公园 体育 桃园 松江 梅花"
)
ZH_UI = _listed(
    "首页|登录|注册|退出|设置|搜索|返回|确定|取消|提交|保存|删除|编辑|修改|添加|下一步|上一步|完成|更多|"
    "刷新|下载|上传|分享|收藏|评论|点赞|关注|私信|消息中心|个人中心|我的订单|购物车|立即购买|加入购物车|"
    "全部分类|热门推荐|最新资讯|联系我们|关于我们|常见问题|帮助中心|意见反馈|客服电话|隐私政策|用户协议|"
    "版权所有|忘记密码？|记住密码|请输入手机号|请输入验证码|获取验证码|用户名|密码|姓名|性别|地址|电话|"
    "邮箱|备注|数量|单价|小计|合计|总计|优惠券|满减|包邮|已售罄|库存充足|发货地|运费|付款方式|微信支付|"
    "支付宝|货到付款|订单编号|下单时间|待付款|待发货|待收货|已完成|退款|换货|查看详情|展开全部|收起|"
    "暂无数据|加载中……|网络异常，请重试|选择城市|附近|地图|路线|导航|天气预报|今日头条|国际新闻|体育频道|"
    "财经要闻|科技前沿|健康生活|教育培训|招聘信息|房产家居|汽车之家|旅游攻略|美食推荐|音乐排行|电影票房|"
    "电视剧|综艺节目|直播间|会员专享|限时特价|新品上市|积分兑换|签到有礼|扫码关注|公众号|文件|查看|插入|"
    "格式|工具|窗口|打印|复制|粘贴|撤销|全选|查找|替换|字体|段落|目录|图表|公式|参考文献|摘要|关键词|"
    "注意事项|营业时间|禁止吸烟|小心地滑|出口|入口|卫生间|电梯|停车场|服务台|检票口|候车室|安全通道",
    "|",
)
ZH_STATUSES = ("正常", "已完成", "处理中", "待审核", "失败", "草稿", "已付款", "已发货", "关闭", "新建")
ZH_MEASURES = _listed("个 人 次 年 天 元 公里 米 吨 公斤 台 件 套 家 名 条 张 页 岁 倍 万 亿 分钟 小时 平方米 ℃")
