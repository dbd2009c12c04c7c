"""What the checks of the exercises of pages 0 to 7 say, in Korean.

They say it where the environment variable `KERASRNN_LANGUAGE` is `ko`.
"""

from phrases import translator

HINTS = {
    "Not yet.": "아직 아니다.",
    "write your answer in the place of the dots": "점 세 개가 있는 자리에 답을 쓰라",
    # 0
    "It has 4U rows and U + D columns, not {text}.": "행은 4U개, 열은 U + D개다. {}이 아니다.",
    "The bias is a column.": "편향은 열벡터다.",
    "h comes first in (h; x), and the blocks go from i, f, c, o to i, f, o, g.": "(h; x)에서는 h가 먼저 오고, 블록은 i, f, c, o에서 i, f, o, g 순서로 바뀐다.",
    "That GRU has {} numbers, the LSTM {text}.": "그 GRU에는 수가 {}개, LSTM에는 {}개 있다.",
    "There is room for more units.": "유닛이 더 들어갈 자리가 있다.",
    "1 − σ(a) = σ(−a): what makes z is turned, and its bias too.": "1 − σ(a) = σ(−a): z를 만드는 것의 부호가 바뀌고, 그 편향도 바뀐다.",
    "Two matrices and a bias, three times.": "행렬 둘과 편향 하나가 세 번이다.",
    # 1
    "c is wrong: gates go through σ, the candidate through tanh; f keeps, i writes.": "c가 틀렸다. 게이트는 σ를, 후보는 tanh를 거친다. f는 남기고 i는 쓴다.",
    "c is right, h is not: which gate lets it out?": "c는 맞고 h는 틀렸다. 어느 게이트가 그것을 내보내는가?",
    "Two layers have two outputs.": "계층이 둘이면 출력도 둘이다.",
    "The first layer answers at every step.": "첫 계층은 스텝마다 답한다.",
    "The second layer answers once, with its units.": "둘째 계층은 제 유닛들로 한 번 답한다.",
    "An LSTM has four times W, U and b; D is 5.": "LSTM에는 W, U, b가 네 번 있다. D는 5다.",
    "A GRU has three times W, U and *two* biases; what is its D?": "GRU에는 W, U와 편향 *둘*이 세 번 있다. 그 D는 얼마인가?",
    "One vector a row: (B, U).": "행마다 벡터 하나: (B, U).",
    "Divide by the number of steps that count.": "세어야 할 스텝의 수로 나누라.",
    "Where no step counts, nothing is divided by 0.": "세어야 할 스텝이 없는 곳에서 0으로 나누지 말라.",
    # 2
    "One weight for each place: (B, S).": "자리마다 가중치 하나: (B, S).",
    "The weights of a row sum to 1.": "한 행의 가중치는 합이 1이다.",
    "A place that is masked has the weight 0.": "마스크된 자리의 가중치는 0이다.",
    "The score is v · tanh(W₁ q + W₂ m), of each place.": "점수는 자리마다 v · tanh(W₁ q + W₂ m)이다.",
    "The context is the mean of the memory by weight.": "문맥은 메모리를 가중치로 평균한 것이다.",
    "All runs of a perfect translation count.": "완벽한 번역에서는 이어진 낱말들이 모두 세어진다.",
    "A run counts at most as often as the reference has it.": "이어진 낱말은 참조 번역에 있는 만큼만 세어진다.",
    "Of so many words there are n − 1 runs fewer, and the order in a run counts.": "이어진 낱말은 낱말의 수보다 n − 1개 적고, 그 안의 순서가 중요하다.",
    "With α = 0 log p alone decides.": "α = 0이면 log p만으로 정해진다.",
    "log p is divided by ((5 + |y|) / 6)^α.": "log p를 ((5 + |y|) / 6)^α로 나눈다.",
    "The power is of the whole fraction, and α may be anything.": "거듭제곱은 분수 전체에 하고, α는 무엇이든 될 수 있다.",
    # 3
    "log N / pictures with the word.": "log N / 그 낱말이 있는 그림의 수.",
    "Whole words, and pictures once.": "낱말은 통째로, 그림은 한 번만 세라.",
    "Count pictures, not captions.": "캡션이 아니라 그림을 세라.",
    "A new word counts as one of one.": "새 낱말은 하나에 있는 것으로 친다.",
    "Of five test pictures three have a relative among the others.": "테스트 그림 다섯 가운데 셋은 나머지 그림에 친척이 있다.",
    "Relatives that are both test pictures are no leak.": "둘 다 테스트 그림인 친척은 누출이 아니다.",
    "Place {} has its middle at {text}: a place is 32 pixels wide.": "자리 {}의 가운데는 {}이다. 자리 하나의 너비는 32픽셀이다.",
    # 4
    "The mean of −log₂ p.": "−log₂ p의 평균이다.",
    "One in ten each time is a perplexity of 10.": "매번 열에 하나면 퍼플렉시티가 10이다.",
    "It is 2 to the power of the bits: a geometric mean.": "2의 비트 수 제곱, 곧 기하 평균이다.",
    "With all letters: softmax.": "글자가 모두 있으면 소프트맥스다.",
    "The logits are divided by τ.": "로짓을 τ로 나눈다.",
    "Only k letters are left.": "글자는 k개만 남는다.",
    "What is left sums to 1 again.": "남은 것의 합은 다시 1이다.",
    "Both are (B, T).": "둘 다 (B, T)다.",
    "The first reader begins at the beginning.": "첫 독자는 처음부터 읽는다.",
    "Each reader has 31 // 3 letters.": "독자마다 글자가 31 // 3개다.",
    "Inputs are the letters before; 0 stands before the first.": "입력은 바로 앞의 글자들이다. 첫 글자 앞에는 0이 있다.",
    "A reader's first input is the letter before its part.": "독자의 첫 입력은 제 몫 바로 앞의 글자다.",
    "In the next batch each reader goes on where it stopped.": "다음 배치에서 독자는 저마다 멈춘 곳에서 이어 읽는다.",
    "A one-hot vector times W is a row of W; add h U and b, and take tanh.": "원-핫 벡터에 W를 곱하면 W의 행 하나다. h U와 b를 더하고 tanh를 취하라.",
    "The state is right; p is the softmax of h W_o + b_o.": "상태는 맞다. p는 h W_o + b_o의 소프트맥스다.",
    # 5
    "A perfect switch has 1.": "완벽한 스위치는 1이다.",
    "Turned round it has 0.": "뒤집으면 0이다.",
    "Of four pairs of one that is true and one that is not, three are in order.": "참인 것과 아닌 것의 쌍 넷 가운데 셋은 순서가 맞다.",
    "Equal values are half a pair.": "값이 같으면 쌍의 절반으로 친다.",
    "The second half must not choose.": "뒤 절반으로 고르면 안 된다.",
    "A unit that is far below 0.5 tells as much as one far above.": "0.5보다 훨씬 낮은 유닛은 훨씬 높은 유닛만큼 말해 준다.",
    "The sign of that unit is −1: it is low where the feature is true.": "그 유닛의 부호는 −1이다. 특징이 참인 곳에서 낮다.",
    "The score is the AUC, with the sign, on the second half.": "점수는 뒤 절반에서 부호를 붙여 낸 AUC다.",
    "One share for each unit: (U,).": "유닛마다 비율 하나: (U,).",
    "Shut is below 0.1; the mean is over time.": "0.1보다 작으면 닫힌 것이다. 평균은 시간에 걸쳐 낸다.",
    "Open is above 0.9; the mean is over time.": "0.9보다 크면 열린 것이다. 평균은 시간에 걸쳐 낸다.",
    # 6
    "Two rows of two numbers.": "수가 둘씩 있는 행 둘이다.",
    "Its largest singular value is {}.": "가장 큰 특이값이 {}이다.",
    "Its power of 200 has the size {}: see its eigenvalues.": "200제곱의 크기가 {}이다. 고윳값을 보라.",
    "A norm below c is left as it is.": "c보다 작은 노름은 그대로 둔다.",
    "All gradients get the same factor, by the norm of all together.": "모든 기울기에 같은 수를 곱하고, 그 수는 모두 합친 노름에서 나온다.",
    "The gradient of {text} is not how the loss moves: delta is what came back, plus h − y of each step, and each weight sums over all steps.": "{}의 기울기가 손실이 움직이는 것과 다르다. delta는 되돌아온 것에 스텝마다 h − y를 더한 것이고, 가중치마다 모든 스텝에 걸쳐 합한다.",
    "σ(b) to the power of {} is {}; solve f^k = 0.01, then σ(b) = f.": "σ(b)의 {}제곱은 {}이다. f^k = 0.01을 풀고, 그다음 σ(b) = f를 풀라.",
    # 7
    "The blocks come as i, o, f, g: which one makes the output?": "블록은 i, o, f, g 순서로 온다. 출력을 만드는 것은 어느 것인가?",
    "Count what is not padding, in each row.": "행마다 패딩이 아닌 것을 세라.",
    "{text}: what would it have to wait for?": "{}: 무엇을 기다려야 하는가?",
}

in_korean = translator(HINTS)
