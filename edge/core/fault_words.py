"""Words for every fault that a technician may read at the cabinet, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from contract.fault import FaultCode
from edge.core.words import Language, say


class FaultWords(Struct, frozen=True):
    """What is wrong and what to do, in both languages."""

    vi: str
    en: str
    do_vi: str
    do_en: str

    def found(self, language: Language) -> str:
        """What is wrong."""
        return say(language, self.vi, self.en)

    def advice(self, language: Language) -> str:
        """What to do."""
        return say(language, self.do_vi, self.do_en)


FAULTS: Mapping[FaultCode, FaultWords] = {
    FaultCode.ARRESTER_FAILED: FaultWords(
        "chống sét hỏng hoặc đứt dây báo",
        "the surge arrester failed, or its wire is cut",
        "xem ô báo trên chống sét: đỏ thì thay, xanh thì kiểm tra dây báo hiệu",
        "look at its window: if red replace it, if green check the signal wire",
    ),
    FaultCode.RELAY_FAILED: FaultWords(
        "rơ-le tăng âm không nghe lệnh",
        "the amplifier's relay does not obey",
        "kiểm tra chân GPIO và dây tới rơ-le",
        "check the GPIO pin and the relay's wire",
    ),
    FaultCode.RELAY_GUARD: FaultWords(
        "tăng âm bật quá lâu nên đã tự ngắt",
        "the amplifier was on for too long and was switched off",
        "chờ 10 phút nó tự chạy lại; nếu lặp lại, xem: journalctl -u loaxa-edge",
        "it comes back after 10 minutes; if it happens again, see journalctl -u loaxa-edge",
    ),
    FaultCode.PLAYER_FAILED: FaultWords(
        "trình phát âm thanh gặp lỗi",
        "the player failed",
        "kiểm tra cạc âm thanh: aplay -l; nếu vẫn lỗi, ngắt và đóng lại điện của tủ",
        "check the sound card: aplay -l; if it stays, switch the cabinet off and on",
    ),
    FaultCode.SILENT: FaultWords(
        "đang phát nhưng không có tiếng",
        "it plays, but nothing is to be heard",
        "kiểm tra cạc âm thanh, dây tín hiệu và tăng âm; nghe thử ở loa",
        "check sound card, signal cable and amplifier; listen at the horn",
    ),
    FaultCode.CLOCK_UNTRUSTED: FaultWords(
        "đồng hồ chưa đúng, chưa phát theo lịch",
        "the clock is not trusted, nothing timed plays",
        "kiểm tra mạng và pin đồng hồ RTC; xem: timedatectl",
        "check the network and the RTC's battery; see timedatectl",
    ),
    FaultCode.DISK_FULL: FaultWords(
        "thẻ nhớ đã đầy",
        "the card is full",
        "xoá tệp thừa hoặc thay thẻ lớn hơn; xem: df -h",
        "delete what is not used or fit a larger card; see df -h",
    ),
    FaultCode.CARD_READ_ONLY: FaultWords(
        "thẻ nhớ không ghi được nữa (chỉ đọc)",
        "the card takes nothing any more (read-only)",
        "thay thẻ mới; cụm vẫn phát lịch đang có cho tới lúc thay",
        "replace the card; until then the cluster plays the plan that it holds",
    ),
    FaultCode.CARD_ERRORS: FaultWords(
        "thẻ nhớ có lỗi",
        "the card has errors",
        "thay thẻ mới, và đo nguồn 5 V: nguồn yếu làm hỏng thẻ",
        "replace the card, and measure the 5 V supply: a weak one destroys cards",
    ),
    FaultCode.CARD_SLOW: FaultWords(
        "thẻ nhớ ghi rất chậm",
        "the card writes very slowly",
        "thường là thẻ sắp hỏng: mang thẻ mới trong lần tới",
        "often a dying card: bring a new one on the next visit",
    ),
    FaultCode.CARD_WORN: FaultWords(
        "thẻ nhớ sắp hết tuổi thọ",
        "the card is nearly worn out",
        "thay thẻ mới trong lần tới",
        "replace the card on the next visit",
    ),
    FaultCode.UNDER_VOLTAGE: FaultWords(
        "nguồn điện yếu (có lúc dưới 4,63 V từ khi bật máy)",
        "the supply is too weak (below 4.63 V at times since power on)",
        "thay nguồn 5 V hoặc dây nguồn ngắn và to hơn; sửa xong thì ngắt và đóng lại điện",
        "replace the 5 V supply, or its cable by a shorter, thicker one; then switch off and on",
    ),
    FaultCode.TOO_HOT: FaultWords(
        "máy trong tủ quá nóng",
        "the computer is too hot",
        "che nắng cho tủ, làm sạch khe thoáng, xem quạt có quay không",
        "shade the cabinet, clean its vents, see whether the fan turns",
    ),
    FaultCode.LEDGER_REPLACED: FaultWords(
        "nhật ký trên thẻ bị hỏng và đã bắt đầu lại",
        "the log on the card was broken and has begun anew",
        "chưa cần làm gì; nếu lặp lại, thay thẻ mới",
        "nothing to do now; if it happens again, replace the card",
    ),
    FaultCode.DATA_BUDGET_SPENT: FaultWords(
        "đã dùng hết dung lượng 4G của tháng",
        "this month's 4G data is used up",
        "chờ tháng sau, hoặc xin xã nâng giới hạn",
        "wait for next month, or ask the commune to raise the limit",
    ),
    FaultCode.KEY_FAULT: FaultWords(
        "khoá báo động trong tủ: các tiếp điểm mâu thuẫn nhau",
        "the cabinet's key: its contacts contradict each other",
        "kiểm tra ba dây của khoá: có thể bị sét làm chập hoặc tuột dây; khoá chưa dùng được",
        "check the key's three wires: a surge may have shorted one, or one is off; the key does not work",
    ),
    FaultCode.COMMANDS_REFUSED: FaultWords(
        "có lệnh không hợp lệ gửi đến cụm loa, đã từ chối",
        "orders came that do not hold, and were refused",
        "báo cán bộ xã: có thể có người lạ gửi lệnh, hoặc đồng hồ máy chủ sai",
        "tell the commune: a stranger may be sending orders, or the hub's clock is wrong",
    ),
}


def fault_line(code: str, language: Language) -> str:
    """A fault and what to do, in one line; one that this program does not know as it is."""
    known = FAULTS.get(FaultCode(code)) if code in set(FaultCode) else None
    if known is None:
        return code
    return f"{known.found(language)} → {known.advice(language)}"
