"""What the guard looks for: patterns of code, of other rules, of too much speed or force, of violence.

Every repetition is bounded and the text is at most 2 kB, so a search takes milliseconds. They read what
``guard`` has made plain: no accents, single spaces, simplified characters, half-width punctuation.
"""

from __future__ import annotations

import re

CODE = re.compile(
    r"^\s*(?:\{|\[\s*[\"{\[])|\"\w{1,40}\"\s?:\s?(?:[\"{\[\d-]|true|false|null)|"
    r"\$\(|(?<![a-z])`|`(?![a-z])|&&|\|\s?\w{0,9}sh\b|\brm -|"
    r"\bsudo\b|/etc/|\bos\.system|__import__|</?\s?(?:script|system|user|assistant)\b|<!--|<\||\[/?inst\]|"
    r"\bunion select\b|\bselect \*|\bselect \w{1,40} from \w{1,40} ?(?:;|where\b)|['\";]\s?drop table\b|"
    r"\bdrop table \w{1,40} ?;|\binsert into \w{1,40} values|\bdelete from \w{1,40} ?(?:;|where\b)|"
    r"\bor 1\s?=\s?1|['\";]\s?--|;\s?(?:rm|sudo|curl|wget|import|shutdown|reboot)\b|\bimport \w{1,40};|"
    r"\b(?:eval|exec|print|subprocess\.\w{1,20})\(|\\n|\w://",
    re.I,
)
_GAP = r"(?: (?!(?:and|but|then|or)\b)[\w'-]{1,20}){0,5}? "
INJECTION = re.compile(
    rf"\b(?:ignore|disregard|forget|override|overwrite|bypass|erase)\b{_GAP}"
    r"(?:instructions?|rules|prompt|programming|guidelines)\b|"
    rf"\bcancel{_GAP}(?:rules|prompt|programming|guidelines)\b|"
    r"\bnew (?:rules?|instructions?)(?: for you)? ?:|"
    r"\b(?:forget|ignore|disregard) (?:\w{1,12} ){0,2}"
    r"(?:you were (?:ever )?(?:told|given|taught)|your developers?)|"
    r"\b(?:system prompt|(?:developer|debug|god|admin|root|sudo|unrestricted) mode|jailbreak)\b|"
    r"\bskip (?:the|all) (?:checks|validation)\b|"
    r"(?:^|[.;!?>\]] ?)[\[<]?(?:system|assistant|developer|admin|root)(?:[\]>]| ?:)|[.;!?] ?user ?:|"
    r"\byou are (?:now|no longer) (?:in )?(?:an? |my |the )?"
    r"(?:unrestricted|root|dan|jailbroken|ai|parser)\b|"
    r"\b(?:pretend|robot|assistant|you)(?: [\w'-]{1,20}){0,6} (?:no|without)(?: any)? (?:rules|filters)\b|"
    r"\b(?:print|reveal|show|repeat|output|leak|display) (?:\w{1,12} ){0,2}"
    r"(?:your|hidden|secret) (?:\w{1,12} )?(?:prompt|instructions|configuration|rules)\b|"
    r"(?:忽略|无视|忘记|忘掉|不要理会|跳过|推翻|废除)[^,.;!?。]{0,12}(?:指令|规则|提示|命令|设定|检查|规定)|"
    r"取消[^,.;!?。]{0,8}(?:设定|规则|规定)|系统提示|提示词|开发者模式|(?:没有任何|不受任?何?)规则|"
    r"(?:系统|助手|管理员|开发者) ?:|(?:执行|运行).{0,6}(?:代码|脚本|sql|python|shell|bash)|"
    r"从现在(?:起|开始).{0,10}(?:规则|服从|听从|遵守)",
    re.I,
)
_SAFETY = (
    r"(?:[\w-]{0,12}limits?|limiter|watchdog|emergency stop|e-?stop|collision (?:check|avoidance|detection)|"
    r"safety(?: (?:limit|stop|check|rule|function|system|controller|sensor|feature|measure|restriction)s?\b|"
    r"(?= ?(?:$|[,.;!?]|and\b|completely|entirely))))"
)
LIMITS = re.compile(
    rf"\b(?:exceed|bypass|disable|override|switch off|turn off|deactivate|ignore|remove){_GAP}{_SAFETY}|"
    rf"\b(?:turn|switch|shut)(?= {_SAFETY}| [\w'-]{{1,20}} {_SAFETY}|(?: [\w'-]{{1,20}}){{2}} {_SAFETY})"
    r"(?: [\w'-]{1,20}){1,5} off\b|"
    rf"\b{_SAFETY}(?: [\w'-]{{1,20}}){{0,2}} (?:switched|turned) off\b|"
    r"\bwithout (?:any |a )?(?:speed |force )?limits?\b|"
    r"\b(?:beyond|above|faster than|more than|harder than) (?:the |your |its |is )?(?:\w{1,12} )?"
    r"(?:limits?|allowed|permitted)\b|"
    r"(?:关掉|关闭|关了|解除|绕过|无视|忽略|超过|超出|取消|禁用|停用|(?:别|不要|不用)管)[^,.;!?。]{0,8}"
    r"(?:限制|限速|限位|上限|急停|保护|看门狗|避障|碰撞检测|安全(?!地|的|第一|到|送|抵|离|距|线))|"
    r"把[^,.;!?。]{0,8}(?:限制|限速|限位|上限|急停|保护|看门狗|避障)[^,.;!?。]{0,4}(?:关|去掉|取消|解除)",
    re.I,
)
_PERSON = (
    r"(?:me|him|someone|somebody|anyone|anybody|everyone|everybody|them|"
    r"her(?! (?!(?:with|in|on|hard|as|and)\b)\w)|"
    r"grandma|grandpa|(?:the|a|an|my|your|our|that|this|his|her|every|some) (?:[\w-]{1,15} ){0,2}?"
    r"(?:person|people|human|man|woman|men|women|child|children|kids?|baby|boy|girl|toddler|lady|guy|dog|cat|puppy|"
    r"kitten|animal|operator|worker|technician|engineer|colleague|coworker|boss|neighbou?r|brother|sister|mother|"
    r"father|mum|mom|dad|son|daughter|uncle|aunt|grand(?:ma|pa|mother|father)|friend|visitor|guest|intern|student|"
    r"teacher|nurse|patient|waiter|cleaner|customer|stranger|postman))\b"
)
_THING = r"(?:(?:the|a|an|my|his|her|your) \w|everything\b|(?:that|this) (?!down\b)\w)"
_IT = r"(?:^|[,.;:!?] |\b(?:then|please|now) )"  # after "do noot" (a slip) "break it" is no order
VIOLENCE = re.compile(
    r"\b(?:hurt|attack|kill|stab|punch|injure|strangle|kick|harm|hit|slap|choke|shoot|smack|whack|poke|ram|beat|"
    rf"trip|(?:run|drive|roll) over|crush|squash|smash|knock (?:over|down|out)|"
    rf"(?:crash|drive|bump|slam) into) {_PERSON}|"
    rf"\b(?:run|knock|push) {_PERSON} (?:over|down)\b(?! there| to)|"
    r"\bdrop (?:[\w-]{1,20} ){1,4}?on(?:to)? (?!(?:her|them)\b)" + _PERSON + "|"
    rf"\b(?:smash|crush|squash|destroy|shatter|demolish|wreck|ram|break) {_THING}|"
    rf"{_IT}(?:smash|crush|squash|destroy|shatter|demolish|wreck|break) (?:it|that|this)\b(?! down)|"
    r"\b(?:throw|hurl|fling|toss|chuck|lob)\b(?: [\w'-]{1,20}){1,6}? (?:at|through|across|against|out of)\b",
    re.I,
)
_ZH_PERSON = (
    r"(?:(?:那个|这个|那只|这只|一个|那位|这位|我的?|你的?|他的?|她的?)?(?:小|老)?(?:人|小孩|孩子|宝宝|狗|猫|同事|老板|大家|邻居|"
    r"弟弟|妹妹|哥哥|姐姐|爸爸|妈妈|奶奶|爷爷|老师|客人|工人|行人|路人|女人|男人|朋友|学生|护士|别人|所有人)|"
    r"[我他她你](?!们?的?(?:这|那|左|右|前|后|旁|面|身边|手边|桌|椅|房|办公|箱|盒|家|方|球|手机|电话)))"
)
ZH_VIOLENCE = re.compile(
    r"(?:打|揍|踢|杀|捅|刺|掐|勒住|伤害|攻击|袭击|弄伤|撞|砸|碾过|戳|绊倒|推倒|吓唬)"
    rf"(?:死|倒|伤|到|向|了|一下)?{_ZH_PERSON}(?!就停|要停|时|的时候)|"
    rf"(?:扔|丢|抛|甩)(?:向|到|在)?{_ZH_PERSON}|把{_ZH_PERSON}(?:推|撞|打|踢|砸|弄|绊)(?:倒|伤|死|疼|下去)|"
    r"(?:扔|丢|抛)(?:到|出|向)(?:墙上|窗)|"
    r"(?:砸|打|捏|压|摔|弄)(?:碎|爆|坏|烂|扁)(?!了?(?:就|怎么))|毁掉|摧毁|破坏|掰断|烧掉|炸掉|"
    rf"(?:撞到|伤到|压到){_ZH_PERSON}也?(?:没关系|无所谓|没事|不要紧)"
)
_NOT_MEANT = (
    r"until|unless|stop|stopping|brake|braking|hesitate|hesitation|forget|fail|but|and|then|just|only|before|if|when|"
    r"care|mind|worry|matter|delay|warning|looking"
)
TURNED = re.compile(
    r"(?:\b(?<!why )(?:not|never|without|avoid|avoiding|cannot|nor|nobody|nothing|no one|no faster|"
    r"no more|lest|prevent|(?:do|does|did|wo|ca|must|should|could|would|need)n'?t)\b"
    rf"(?: (?!(?:{_NOT_MEANT})\b)[\w'-]{{1,20}}){{0,6}}|"
    r"\b(?:it|you|that|this|which|they|he|she)(?:'d| might| could| would| may)(?: \w{1,12}){0,2}|"
    r"\b(?:or|otherwise|else|because),? (?:it|you|that|this)(?:'ll| will| can)(?: \w{1,12}){0,2}|"
    r"\b(?:if|when|whenever|in case|should) (?:it|you|we|they)(?: \w{1,12})?|\b(?:easy|hard) to|\beasily) $",
    re.I,
)
ZH_TURNED = re.compile(
    r"(?:(?<![特分区])别(?![的人])|不要|(?<!能)不能|不会|不得|不可|勿|没有|避免|防止|以免|免得|不准|不许|(?:小心|当心)(?![地翼])|"
    r"如果|要是|万一|可能|容易|否则|不然|怕|担心|会)[^,.;!?。、 ]{0,8}$"
)
BELOW = re.compile(
    r"\b(?:below|under|less than|slower than|at most|no faster than|no more than|"
    r"(?:not|never|n't|nor)(?: \w{1,12}){0,5}) $|(?:不要?超过|低于|小于|少于|不到|最多|不得超过)\S{0,4}$",
    re.I,
)
PER_SECOND = re.compile(
    r" ?(?:m\b|met(?:er|re)s?\b|米)? ?(?:/ ?s(?:ec(?:ond)?)?\b|per sec(?:ond)?\b|a second\b|mps\b|每秒|/秒)",
    re.I,
)
PER_HOUR = re.compile(r" ?(?:/ ?h(?:ou)?r?\b|per hour\b|an hour\b|每小时|/小时|一小时)", re.I)
OTHER_RATE = re.compile(r" ?(?:(kmh|kph|kmph)\b|(mph|miles? (?:per|an) hour)\b)", re.I)
NEWTON = re.compile(r" ?(?:n\b|newtons?\b|牛(?![奶肉仔]))", re.I)
KILONEWTON = re.compile(r" ?(?:kn\b|kilo-?newtons?\b|千牛)", re.I)
PERCENT = re.compile(
    r" ?(?:%|percent\b|per cent\b)(?: of)?(?: your| the| its)?(?: (?:allowed|maximum|max|full|rated)){0,2} "
    r"(?:speed|force|power|torque|limit)\b",
    re.I,
)
