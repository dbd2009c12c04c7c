"""What the recipes of all models have in common when they are trained."""


class RecipeTraining:
    """What `train` needs to know of a recipe; a subclass for each kind of model.

    It sets `monitor`, the metric of every epoch that says which one is best;
    `selected_by`, the metric of the results that says which seed is; and `splits`, and
    has `build_model`, `fit_data`, `judge`, `draw` and `report`.

    Args:
        config: The recipe.
        log: Called with every line for the user.
    """

    files = ()  # that are made beside the preset of a seed, and kept of the best
    unit = "examples"  # what `len` counts of a split

    def __init__(self, config, log=print):
        self.config, self.log = config, log

    @property
    def examples(self) -> dict[str, int]:
        """How much each split has."""
        return {name: len(part) for name, part in self.splits.items()}

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {}

    def after_epoch(self, model) -> list:
        """Functions of an epoch's number and metrics, to be called after each."""
        return []

    def callbacks(self, model, folder) -> list:
        """Keras callbacks of a run that writes to a folder."""
        return []
