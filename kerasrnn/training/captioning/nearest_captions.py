"""What is said of the training pictures that look most alike: nothing is learned."""

import numpy as np

from kerasrnn.metrics import cider_d, count_documents

BLOCK = 256


def nearest_neighbour_captions(train_features, train_captions, test_features, k=1):
    """What is said of the nearest training pictures.

    Args:
        train_features: (N, D).
        train_captions: N lists of captions, the main one first.
        test_features: (M, D).
        k: Of so many nearest ones, the caption with the highest mean CIDEr-D to the
            others, document frequencies being those of all training captions; of
            equal ones that of the nearest.

    Returns:
        M captions.

    Reference: Devlin et al. 2015, "Exploring Nearest Neighbor Approaches for Image
    Captioning".
    """
    if not 1 <= k <= len(train_captions) == len(train_features):
        raise ValueError(
            "`train_captions` must hold captions for each of the "
            f"{len(train_features)} training pictures, at least k={k}; got "
            f"{len(train_captions)}."
        )
    train, test = unit_length(train_features), unit_length(test_features)
    frequencies = count_documents(train_captions) if k > 1 else None
    captions = []
    for start in range(0, len(test), BLOCK):
        similarity = test[start : start + BLOCK] @ train.T  # (block, N)
        # Stable, so that of equal ones the first is the nearest.
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        for rows in nearest:
            candidates = [train_captions[row][0] for row in rows]
            captions.append(consensus(candidates, frequencies))
    return captions


def consensus(candidates, frequencies) -> str:
    """The one of the captions that is nearest to the others."""
    if len(candidates) == 1:
        return candidates[0]
    others = [candidates[:n] + candidates[n + 1 :] for n in range(len(candidates))]
    scores = cider_d(candidates, others, document_frequencies=frequencies).scores
    return candidates[int(np.argmax(scores))]


def unit_length(features):
    """Rows of length 1; one of zeros stays so."""
    features = np.asarray(features, "float32")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, 1e-12)


def pooled(features):
    """(N, L, D), which may be on disk, to (N, D): the mean over the locations."""
    blocks = [
        np.asarray(features[start : start + BLOCK], "float32").mean(axis=1)
        for start in range(0, len(features), BLOCK)
    ]
    return np.concatenate(blocks)
