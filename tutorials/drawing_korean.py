"""Korean labels for the drawings of the tutorials.

A figure is drawn with them where the environment variable `KERASRNN_LANGUAGE` is `ko`,
and once more beside the English one where `draw_twice` was called, as it is when
notebooks are made. Data, such as the words that a model reads, stay as they are.
"""

import contextlib
import os
import pathlib
import re

import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from phrases import translator

# `{}` stands for a number, `{text}` for any text; see `translator`.
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
    "chunk {}": "토막 {}",
    "batch {}": "배치 {}",
    "one step of\nthe optimizer": "옵티마이저의\n한 걸음",
    "states": "상태",
    "gradients": "기울기",
    # back-propagation through time
    "forward: the states": "순방향: 상태",
    "backward: the error, times a matrix at every step": "역방향: 오차, 스텝마다 행렬이 곱해진다",
    # one step of a cell in four pictures
    "h before, and x: “{text}”": "앞의 h와 x: “{}”",
    "c before = {}": "앞의 c = {}",
    "h before = {}": "앞의 h = {}",
    "f · c before = {}": "f · 앞의 c = {}",
    "z · h before = {}": "z · 앞의 h = {}",
    "candidate": "후보",
    "candidate = {}": "후보 = {}",
    "(1 − z) · cand. = {}": "(1 − z) · 후보 = {}",
    "1. f: what is erased": "1. f: 무엇을 지우는가",
    "2. i and g: whether to write, and how much": "2. i와 g: 쓸 것인가, 얼마나 쓸 것인가",
    "3. the belt moves on: c = f · c before + i · g": "3. 벨트가 나아간다: c = f · 앞의 c + i · g",
    "4. o: what is revealed, h = o · tanh(c)": "4. o: 무엇을 드러내는가, h = o · tanh(c)",
    "1. r: how much of the past is looked at": "1. r: 과거를 얼마나 보는가",
    "2. the candidate: what could be written": "2. 후보: 무엇을 쓸 수 있는가",
    "3. z: how much is kept, 1 − z: how much is new": "3. z: 얼마나 남기는가, 1 − z: 얼마나 새로운가",
    "4. h = z · h before + (1 − z) · candidate": "4. h = z · 앞의 h + (1 − z) · 후보",
    # a sentence, word by word
    "f (erase)": "f (지우기)",
    "i (write)": "i (쓰기)",
    "g (how much)": "g (얼마나)",
    "c (the belt)": "c (벨트)",
    "o (reveal)": "o (드러내기)",
    "h (what is seen)": "h (보이는 것)",
    "r (look back)": "r (돌아보기)",
    "z (keep)": "z (남기기)",
    "h (state)": "h (상태)",
    "p(plural verb)": "p(복수 동사)",
    # what layers return, and masks
    "time step": "시간 스텝",
    "time step (hatched: masked)": "시간 스텝 (빗금: 마스크)",
    "the input x: (T, D)": "입력 x: (T, D)",
    "features D": "특징 D개",
    "units U": "유닛 U개",
    "return_state=True: (U,) and (U,)": "return_state=True: (U,)와 (U,)",
    "both True: (T, U) and (U,)": "둘 다 True: (T, U)와 (U,)",
    "padded on the right": "오른쪽에 패딩",
    "padded on the left": "왼쪽에 패딩",
    "with holes": "가운데가 빈 것",
    "what the last state still knows of an input": "마지막 상태가 입력을 아직 얼마나 아는가",
    "steps ago, k": "몇 스텝 전인가, k",
    r"size of $\partial h_T / \partial x_{T-k}$": r"$\partial h_T / \partial x_{T-k}$의 크기",
    "LSTM, forget gate open": "망각 게이트를 연 LSTM",
    # learning curves
    "training": "학습",
    "validation": "검증",
    "epoch": "에포크",
    "loss": "손실",
    "accuracy": "정확도",
    "training loss": "학습 손실",
    "validation perplexity": "검증 퍼플렉시티",
    "validation CIDEr-D": "검증 CIDEr-D",
    "with attention": "어텐션이 있을 때",
    "without attention": "어텐션이 없을 때",
    "one look": "한 번 볼 때",
    "negative": "부정",
    "positive": "긍정",
    # attention
    "attention": "어텐션",
    "Step {}": "스텝 {}",
    "cell": "셀",
    "gate\n{}": "게이트\n{}",
    "mean": "평균",
    "scores\n${text}$": "점수\n${}$",
    "weights\n${text}$": "가중치\n${}$",
    "states\n${text}$": "상태\n${}$",
    "scores ${text}$": "점수 ${}$",
    "weights ${text}$, in %": "가중치 ${}$, %",
    "of ${text}$ and ${text}$": "${}$와 ${}$에서",
    "sum: 1": "합: 1",
    "softmax": "소프트맥스",
    "BLEU by length of the sentence": "문장 길이에 따른 BLEU",
    "{text}: {} BLEU at {text} words, {} at {text}": "{0}: 낱말 {2}개에서 BLEU {1}, {4}개에서 {3}",
    "words of the source (n sentences)": "원문의 낱말 수 (문장 n개)",
    "letters": "글자 수",
    "rows without a mistake, %": "틀린 데가 없는 줄, %",
    "with attention, {} units": "어텐션이 있을 때, 유닛 {}개",
    "without, {} units": "없을 때, 유닛 {}개",
    # pictures and captions
    "{} × {} places": "{} × {}개의 자리",
    "like the one in the frame": "틀 안의 것과 닮은 정도",
    "cosine of the angle": "사이각의 코사인",
    "Line: half of a word's most attention. Number: the most.": "선: 낱말의 가장 큰 어텐션의 절반. 수: 가장 큰 것.",
    "what people say": "사람이 하는 말",
    "what the model says": "모델이 하는 말",
    "CIDEr-D, from 0 to 10": "CIDEr-D, 0에서 10까지",
    # a language model of characters
    "target": "목표",
    "logits": "로짓",
    "hidden state": "은닉 상태",
    "letter": "글자",
    "row {}": "행 {}",
    "green: a zero state": "초록: 0인 상태",
    "arrow: the state goes on": "화살표: 상태가 이어진다",
    "through all": "전체로",
    "truncated": "절단하여",
    "gradient of the next letter's loss at each letter read": "읽은 글자마다, 다음 글자의 손실의 기울기",
    "bits per character of the test text: fewer is better": "테스트 글의 글자당 비트: 적을수록 좋다",
    "this model, a hundred letters at a time": "이 모델, 한 번에 백 글자씩",
    "this model, state carried": "이 모델, 상태를 이어서",
    "the preset without its cache": "프리셋, 캐시 없이",
    "the preset with its cache": "프리셋, 캐시와 함께",
    "before training": "학습하기 전",
    "after {} step": "{}스텝 뒤",
    "after {} steps": "{}스텝 뒤",
    "temperature {}": "온도 {}",
    "others": "그 밖",
    "nothing is known": "아무것도 모를 때",
    "frequencies alone": "빈도만",
    "counted, {} letter before": "세기, 앞의 {}글자",
    "counted, {} letters before": "세기, 앞의 {}글자",
    "probability": "확률",
    "after “{text}”": "“{}” 다음",
    "guess {}": "{}순위",
    "how surprising each letter is": "글자마다 얼마나 뜻밖인가",
    "0 bits": "0비트",
    "8 bits and more": "8비트 이상",
    # inside the cells
    "slowest": "가장 느린 것",
    "quickest": "가장 빠른 것",
    "tanh(c) of sixteen units": "유닛 열여섯 개의 tanh(c)",
    "layer {}, cell {}": "{}층, 셀 {}",
    "layer {}": "{}층",
    "lowest": "가장 낮음",
    "highest": "가장 높음",
    "{text} → red: layer {}, {text} {}, {text} {} on other text": "{} → 빨강: {}층, {} {}, 다른 글에서 {} {}",
    "{text} → blue: layer {}, {text} {}, {text} {} on other text": "{} → 파랑: {}층, {} {}, 다른 글에서 {} {}",
    "hidden": "은닉",
    "{text} > {}": "{} > {}",
    "position in line": "줄 안의 위치",
    "indentation": "들여쓰기",
    "bracket depth": "괄호의 깊이",
    "inside brackets": "괄호 안",
    "inside double quotes": "큰따옴표 안",
    "inside single quotes": "작은따옴표 안",
    "stage direction": "무대 지시",
    "inside a comment": "주석 안",
    "inside a string": "문자열 안",
    "brace depth": "중괄호의 깊이",
    "inside parentheses": "소괄호 안",
    "inside an if condition": "if 조건 안",
    "inside an if body": "if 본문 안",
    "preprocessor line": "전처리기 줄",
    "Shakespeare": "셰익스피어",
    "the Bible": "성경",
    "AUC on text that did not choose the unit": "유닛을 고르는 데 쓰지 않은 글에서의 AUC",
    "random weights": "무작위 가중치",
    "trained": "학습된 것",
    "input gate i": "입력 게이트 i",
    "forget gate f": "망각 게이트 f",
    "output gate o": "출력 게이트 o",
    "update gate z": "갱신 게이트 z",
    "reset gate r": "리셋 게이트 r",
    "{text}\nshut: below {}": "{}\n닫힘: {} 아래",
    "open: above {}": "열림: {} 위",
    # gradients
    "{} step": "{}스텝",
    "{} steps": "{}스텝",
    "{} steps to wait": "{}스텝 기다리기",
    "steps back, k": "몇 스텝 뒤로, k",
    "step t": "스텝 t",
    "singular values of the product": "곱의 특이값",
    "the largest": "가장 큰 것",
    "the bound": "상한",
    "orthogonal": "직교",
    "normal random numbers": "정규 난수",
    "small inputs": "작은 입력",
    "inputs ten times as large": "열 배 큰 입력",
    "the loss of one unit": "유닛 하나의 손실",
    "two ways down, seen from above": "내려가는 두 길, 위에서 본 것",
    "as it is": "그대로",
    "as it is: off to ({}, {})": "그대로: ({}, {})로 튕겨 나감",
    "as it is: diverges": "그대로: 발산",
    "learning rate {}, σ₁ = {} at first": "학습률 {}, 처음에 σ₁ = {}",
    "clipped": "클리핑",
    "clipped to {}": "{}로 클리핑",
    "batch": "배치",
    "squared error": "제곱 오차",
    "SimpleRNN, σ₁ = {} at first, {} steps to wait": "SimpleRNN, 처음에 σ₁ = {}, {}스텝 기다리기",
    "how long can a SimpleRNN wait?": "SimpleRNN은 얼마나 오래 기다릴 수 있는가?",
    "what an LSTM's open gate keeps": "LSTM의 열린 게이트가 남기는 것",
    "forget bias {}": "망각 편향 {}",
    "bias {}": "편향 {}",
    "LSTM, bias {}": "LSTM, 편향 {}",
    "a gate that keeps the state, σ₁ = 1": "상태를 남기는 게이트, σ₁ = 1",
    "‖∂L/∂h$_t$‖, the loss L at the last step": "‖∂L/∂h$_t$‖, 마지막 스텝의 손실 L",
    "clipping, before learning": "클리핑, 학습하기 전",
    "clipping, while learning": "클리핑, 학습하는 동안",
    "largest singular value σ₁ of a SimpleRNN": "SimpleRNN의 가장 큰 특이값 σ₁",
    "‖∂L/∂θ‖, all weights θ": "‖∂L/∂θ‖, 모든 가중치 θ",
    "training step": "학습 스텝",
    "loss: first input, told 30 steps later": "손실: 첫 입력을 30스텝 뒤에 말하기",
    "layer {}, {text}": "{}층, {}",
    "cut off in chunks of {}": "{}글자 토막에서 잘린다",
    "characters back from the loss": "손실에서 몇 글자 뒤로",
    "how far back the error of one character reaches": "글자 하나의 오차가 얼마나 뒤까지 닿는가",
    # serving
    "p(character)": "p(글자)",
    "Read in ONNX Runtime, a character at a time": "ONNX Runtime에서 한 글자씩 읽기",
    "Attention, out of ONNX Runtime": "ONNX Runtime에서 나온 어텐션",
    "milliseconds for one review": "영화평 하나에 걸리는 밀리초",
    " {} ms": " {}밀리초",
}
in_korean = translator(LABELS)
# The group of texts that a model reads or writes, which stay as they are.
READ = "read"
# Labels of a single word in figures that kerasrnn draws; others there are data.
BY_KERASRNN = {"attention", "lowest", "highest"}
# On lines only; elsewhere they may be words that a model reads.
ON_LINES = {"with": "있을 때", "without": "없을 때"}
NOTE = (
    "No font of this machine has Korean letters, and labels stay in English. "
    "On Debian and Ubuntu, the package fonts-nanum has them."
)


def label_of(text, label):
    """The Korean label of a text of a figure that says `label`."""
    if text.get_gid() == READ:
        return label
    if isinstance(text, Annotation) and label in ON_LINES:
        return ON_LINES[label]
    # What kerasrnn draws is no figure of pyplot and has no number.
    by_kerasrnn = getattr(text.figure, "number", None) is None
    if by_kerasrnn and label.islower() and label.isalpha() and label not in BY_KERASRNN:
        return label
    return in_korean(label)


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


def left_english(figure):
    """The texts with English words in them of a drawn figure that have no label here.

    Not among them are those that models read, of the group `READ` or in letters of equal
    width.
    """
    texts = [
        text
        for text in figure.findobj(Text)
        if text.get_visible()
        and text.get_gid() != READ
        and "Mono" not in text.get_family()[0]
    ]
    left = {t.get_text() for t in texts if label_of(t, t.get_text()) == t.get_text()}
    formula, word = re.compile(r"\$[^$]+\$"), re.compile("[A-Za-z]{2}")
    return sorted(text for text in left if word.search(formula.sub("", text)))


@contextlib.contextmanager
def labelled(figure):
    """While it lasts, a figure has Korean labels, where a font has the letters."""
    if not (families := korean_fonts()):
        yield
        return
    figure.draw_without_rendering()  # makes the labels of ticks
    before = []
    for text in figure.findobj(Text):
        label = text.get_text()
        if label_of(text, label) != label:
            before.append((text, text.get_family()))
            # Of a text with a formula in it, only the first font is asked.
            text.set_family(families[::-1] if "$" in label else families)
    as_it_is = Text.get_text
    # Ticks write their labels anew each time that they are drawn.
    Text.get_text = lambda text: label_of(text, as_it_is(text))
    try:
        yield
    finally:
        Text.get_text = as_it_is
        for text, family in before:
            text.set_family(family)


def draw_in_korean():
    """From now on figures that are shown or written have Korean labels."""
    show, save = plt.show, Figure.savefig

    def show_it(*arguments, **options):
        with labelled(plt.gcf()):
            show(*arguments, **options)

    def save_it(figure, *arguments, **options):
        with labelled(figure):
            save(figure, *arguments, **options)

    plt.show, Figure.savefig = show_it, save_it


def draw_twice():
    """From now on each figure of this notebook has a Korean twin.

    In an output it is under `korean/TYPE`, and under `korean/left` what stays English;
    of a figure that is written to a file, it is in a file beside, which `drawing.page`
    shows.
    """
    formatter = get_ipython().display_formatter  # noqa: F821  IPython brings it.
    save = Figure.savefig
    left_in = {}

    def twins(figure, include=None, exclude=None):
        if not korean_fonts():
            return {}
        with labelled(figure), twin_page(figure):
            types = ("image/png", "image/jpeg")
            drawn = {kind: formatter.formatters[kind](figure) for kind in types}
        left = left_in.get(figure.get_label()) or left_english(figure)
        found = {f"korean/{kind}": image for kind, image in drawn.items() if image}
        return {**found, "korean/left": left}

    def save_both(figure, path, *arguments, **options):
        save(figure, path, *arguments, **options)
        if isinstance(path, str | os.PathLike):
            with labelled(figure):
                save(figure, twin_of(path), *arguments, **options)
            left_in[str(path)] = left_english(figure)

    Figure.savefig = save_both
    formatter.mimebundle_formatter.for_type(Figure, twins)


def twin_of(path):
    """Where the Korean twin is of a figure that was written to a file."""
    path = pathlib.Path(path)
    return path.with_name(f"{path.stem}.ko{path.suffix}")


@contextlib.contextmanager
def twin_page(figure):
    """While it lasts, a figure that shows a file, named by its label, shows the twin."""
    path = figure.get_label()
    if not path or not twin_of(path).exists():
        yield
        return
    (image,) = figure.axes[0].images
    before = image.get_array()
    image.set_data(plt.imread(twin_of(path)))
    try:
        yield
    finally:
        image.set_data(before)


if os.environ.get("KERASRNN_LANGUAGE") == "ko":
    draw_in_korean()
