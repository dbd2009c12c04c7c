import json
import pathlib

from kerasrnn.training.captioning.captioning import report_captions
from kerasrnn.training.language_model.language_modelling import report_language_model
from kerasrnn.training.recipe_data import (
    evaluation_captions,
    evaluation_examples,
    evaluation_pairs,
    evaluation_text,
)
from kerasrnn.training.sentiment.text_classification import report_classification
from kerasrnn.training.translation.translation import report_translation
from kerasrnn.zoo import (
    CharLanguageModel,
    ImageCaptioner,
    SentimentClassifier,
    Task,
    list_recipes,
    load_recipe,
)


def evaluate(model_name: str, data=None, log=print) -> dict:
    """Judge a trained model, and tell the user how good it is.

    Args:
        model_name: Name of a recipe with a preset, or the folder of a run.
        data: A file to judge it on, all of which is used: label<tab>text for a
            classifier, source<tab>target for a translator; for a captioner a folder
            of pictures with a captions.tsv of file<tab>caption; for a language model
            any text file. None: the test split of the data that the model was trained
            on.
        log: Called with every line for the user.

    Returns:
        The scores, by name.
    """
    model = Task.from_preset(model_name)
    if isinstance(model, SentimentClassifier):
        examples = evaluation_examples(model_name, model.labels, data)
        return report_classification(model, examples, log)
    if isinstance(model, ImageCaptioner):
        images = evaluation_captions(model_name, data)
        return report_captions(model, images, _search(model_name), log)
    if isinstance(model, CharLanguageModel):
        text = evaluation_text(model_name, model.preprocessor, data)
        return report_language_model(model, text, log)
    pairs = evaluation_pairs(model_name, data)
    return report_translation(model, pairs, _search(model_name), log)


def _search(model_name):
    """The search with which a model of the catalogue, or of a run, is judged."""
    if model_name in list_recipes():
        evaluation = load_recipe(model_name).config.get("evaluation", {})
        # Which examples are scored together is no matter of the search.
        return {name: evaluation[name] for name in evaluation if name != "groups"}
    results_file = pathlib.Path(model_name, "results.json")
    if not results_file.is_file():
        return {}
    results = json.loads(results_file.read_text(encoding="utf-8"))
    return results["runs"][0]["evaluation"]
