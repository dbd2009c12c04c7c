from kerasrnn.inspection.confusion_matrix import confusion_matrix_figure
from kerasrnn.inspection.figure_style import require_matplotlib
from kerasrnn.inspection.learning_curve import learning_curve_figure

__all__ = ["confusion_matrix_figure", "learning_curve_figure", "require_matplotlib"]
