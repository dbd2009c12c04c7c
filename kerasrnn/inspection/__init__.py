"""What a network has learned and how it learns, as numbers and as figures."""

from kerasrnn.inspection.alignments import (
    Alignments,
    distance_from_diagonal,
    translation_attention,
)
from kerasrnn.inspection.attention_map import attention_maps_figure
from kerasrnn.inspection.bleu_by_length import bleu_by_length_figure
from kerasrnn.inspection.caption_attention import caption_attention_figure
from kerasrnn.inspection.caption_gallery import caption_gallery_figure, write_gallery
from kerasrnn.inspection.caption_looks import Looks, caption_attention
from kerasrnn.inspection.cell_search import (
    FoundCell,
    FoundCells,
    find_cells,
)
from kerasrnn.inspection.cells_figure import found_cells_figure
from kerasrnn.inspection.colored_text import (
    colored_text_figure,
    colored_text_html,
    colored_text_terminal,
)
from kerasrnn.inspection.confusion_matrix import confusion_matrix_figure
from kerasrnn.inspection.confusions import confusions_figure
from kerasrnn.inspection.figure_style import require_matplotlib
from kerasrnn.inspection.forecasts_figure import (
    error_by_horizon_figure,
    forecasts_figure,
)
from kerasrnn.inspection.gate_saturation import (
    Saturation,
    gate_saturation,
    gate_saturation_figure,
)
from kerasrnn.inspection.glimpse_path import glimpse_animation, glimpses_figure
from kerasrnn.inspection.gradient_flow import GradientFlow, gradient_flow
from kerasrnn.inspection.gradient_flow_figure import gradient_flow_figure
from kerasrnn.inspection.gradient_study import GradientStudy, gradient_flow_study
from kerasrnn.inspection.learning_curve import learning_curve_figure
from kerasrnn.inspection.recording import Recording, record
from kerasrnn.inspection.recurrent_model import set_largest_singular_value
from kerasrnn.inspection.tagged_frames import tagged_frames_figure
from kerasrnn.inspection.tagged_words import tagged_words_figure
from kerasrnn.inspection.text_features import text_features
from kerasrnn.inspection.untrained_copy import untrained_copy
from kerasrnn.inspection.word_contributions import Contributions, word_contributions

__all__ = [
    "Alignments",
    "Contributions",
    "FoundCell",
    "FoundCells",
    "GradientFlow",
    "GradientStudy",
    "Looks",
    "Recording",
    "Saturation",
    "attention_maps_figure",
    "bleu_by_length_figure",
    "caption_attention",
    "caption_attention_figure",
    "caption_gallery_figure",
    "colored_text_figure",
    "colored_text_html",
    "colored_text_terminal",
    "confusion_matrix_figure",
    "confusions_figure",
    "distance_from_diagonal",
    "error_by_horizon_figure",
    "find_cells",
    "forecasts_figure",
    "found_cells_figure",
    "gate_saturation",
    "gate_saturation_figure",
    "glimpse_animation",
    "glimpses_figure",
    "gradient_flow",
    "gradient_flow_figure",
    "gradient_flow_study",
    "learning_curve_figure",
    "record",
    "require_matplotlib",
    "set_largest_singular_value",
    "tagged_frames_figure",
    "tagged_words_figure",
    "text_features",
    "translation_attention",
    "untrained_copy",
    "word_contributions",
    "write_gallery",
]
