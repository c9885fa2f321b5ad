"""Scripts: what a text is written in, and one way to write it."""

from __future__ import annotations

import re
import unicodedata

# Character for character, so that places in the text stay where they are.
_TRADITIONAL = (
    "紅红藍蓝綠绿黃黄門门開开關关廚厨書书櫃柜廳厅實实驗验儲储臥卧辦办陽阳邊边側侧後后裡里裏里個个這这請请幫帮將将與与還还對对煩烦圓圆體体積积塊块顆颗"
    "隻只條条張张牆墙電电樁桩過过遠远離离動动緩缓輕轻點点緊紧夾夹撿捡舉举給给讓让運运進进從从來来裝装籃篮盤盘倉仓庫库樓楼車车機机當当別别繞绕閃闪傷伤"
    "殺杀壞坏擊击槍枪燒烧沒没說说話话聽听講讲歡欢嗎吗麼么誰谁幾几樣样種种時时間间現现東东擺摆疊叠壓压釋释鬆松輸输貨货區区號号長长隨随順顺著着為为壯壮"
    "應应該该準准備备處处標标橫横縱纵係系統统規规則则無无視视設设護护權权執执檔档資资訊讯觸触懸悬氣气極极佈布圖图畫画務务員员師师媽妈貓猫鳥鸟魚鱼飛飞"
    "躍跃滾滚轉转彎弯繼继續续終终結结飯饭熱热燈灯簾帘鑰钥鎖锁絲丝紙纸筆笔頓顿負负兩两丟丢碼码腳脚"
    "謝谢頭头戶户試试複复嘗尝鐘钟錯错認认識识總总讀读寫写買买賣卖萬万淨净掃扫鬧闹響响齊齐輛辆趕赶較较撥拨擋挡搖摇攔拦盡尽勁劲髒脏靜静穩稳鋁铝膠胶鐵铁銀银銅铜鮮鲜豔艳滿满層层櫥橱並并們们兒儿內内緣缘鉤钩麵面歸归殼壳罰罚戰战滅灭潔洁濕湿慮虑驚惊嚇吓"
)
_SIMPLIFIED = {ord(a): b for a, b in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True)}
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in "，！？；：（）～"}
_TABLE = _SIMPLIFIED | _WIDE | {0x3000: " ", ord("−"): "-", ord("–"): "-", ord("’"): "'", ord("‘"): "'"}
_FOREIGN_IN_CHINESE = re.compile(r"[A-Za-z]+")
_ALLOWED_IN_CHINESE = {"x", "y", "m", "cm", "mm", "ok", "hi", "hello", "hey", "please", "asap", "s"}


def readable(text: str) -> str:
    """Simplified characters and plain digits; as long as the text, character for character."""
    return text.translate(_TABLE)


def is_chinese(text: str) -> bool:
    """Whether a Chinese character occurs."""
    return any("㐀" <= char <= "鿿" for char in text)


def foreign(text: str) -> str | None:
    """The first letter or word that is neither English nor Chinese, or English within Chinese."""
    for char in text:
        if char.isalpha() and not ("㐀" <= char <= "鿿" or unicodedata.name(char, "").startswith("LATIN")):
            return char
    if is_chinese(text):
        words = _FOREIGN_IN_CHINESE.findall(text)
        return next((w for w in words if w.lower() not in _ALLOWED_IN_CHINESE), None)
    return None
