"""Korean labels for those drawings of the tutorials that show no data.

They are in Korean where the environment variable `KERASRNN_LANGUAGE` is `ko`.
"""

import contextlib
import os

import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.text import Text

LABELS = {
    "the same W, U and b at every step": "모든 스텝에서 같은 W, U, b",
    # the five shapes
    "one to one": "하나에서 하나로",
    "one to many": "하나에서 여럿으로",
    "many to one": "여럿에서 하나로",
    "many to many": "여럿에서 여럿으로",
    "many to many, synced": "여럿에서 여럿으로, 스텝마다",
    "no recurrence:\na Dense layer": "순환 없음:\nDense 계층",
    "picture\nto caption": "그림에서\n캡션으로",
    "review\nto sentiment": "영화평에서\n감성으로",
    "sentence\nto translation": "문장에서\n번역으로",
    "word\nto its label": "낱말에서\n레이블로",
    "output": "출력",
    "state": "상태",
    "input": "입력",
    # translators
    "start": "시작",
    "context vector of “la”": "“la”의 문맥 벡터",
    "with attention: each word has a context vector of its own": "어텐션이 있을 때: 낱말마다 제 문맥 벡터가 있다",
    "all that": "아는 것은",
    "is known": "이것이 전부",
    "without: one state for the whole sentence": "없을 때: 문장 전체에 상태 하나",
    # captioners
    "L places of\nthe picture": "그림의\n자리 L개",
    "their mean": "그 평균",
    "with attention: every word looks at all places": "어텐션이 있을 때: 낱말마다 모든 자리를 본다",
    "without: one look, before the first word": "없을 때: 첫 낱말 전에 한 번 본다",
    # chunks
    "chunk 1": "토막 1",
    "chunk 2": "토막 2",
    "chunk 3": "토막 3",
    "one step of\nthe optimizer": "옵티마이저의\n한 걸음",
    "states": "상태",
    "gradients": "기울기",
    # back-propagation through time
    "forward: the states": "순방향: 상태",
    "backward: the error, times a matrix at every step": "역방향: 오차, 스텝마다 행렬이 곱해진다",
}
NOTE = (
    "No font of this machine has Korean letters, and labels stay in English. "
    "On Debian and Ubuntu, the package fonts-nanum has them."
)


def korean_fonts():
    """Families for Korean labels; none, and a note is printed, where letters lack."""
    from kerasrnn.inspection.glyphs import fonts_for

    letters = "".join(LABELS.values()).split()
    families, lacking = fonts_for(letters)
    if lacking:
        # Matplotlib keeps a list of fonts, and does not look for those installed since.
        fonts = font_manager.fontManager
        listed = {font.fname for font in fonts.ttflist}
        for path in sorted(set(font_manager.findSystemFonts()) - listed):
            with contextlib.suppress(OSError, RuntimeError):  # no font that it reads
                fonts.addfont(path)
        families, lacking = fonts_for(letters)
    if lacking:
        print(NOTE)
        return []
    return families


def show():
    """Show the figure, in the reader's language."""
    if os.environ.get("KERASRNN_LANGUAGE") == "ko" and (families := korean_fonts()):
        for text in plt.gcf().findobj(Text):
            if text.get_text() in LABELS:
                text.set(text=LABELS[text.get_text()], family=families)
    plt.show()
