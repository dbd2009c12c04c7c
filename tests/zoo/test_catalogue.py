import pytest
from tiny_run import CONFIG, write_recipe

from kerasrnn.zoo import SentimentClassifier, list_recipes, load_recipe


def test_recipes_are_listed_and_read():
    assert list_recipes() == ["sentiment-imdb", "sentiment-movies"]
    recipe = load_recipe("sentiment-movies")
    assert recipe.config["data"]["name"] == "movie_snippets"
    SentimentClassifier(10, **recipe.config["model"])
    imdb = load_recipe("sentiment-imdb")
    assert imdb.preset is None
    assert "Not trained yet. Train it: kerasrnn train sentiment-imdb" in imdb.describe()


def test_a_folder_is_a_recipe_too(tmp_path):
    recipe = load_recipe(str(write_recipe(tmp_path / "mine")))
    assert recipe.name == "mine"
    assert recipe.config == CONFIG
    assert "units                6" in recipe.describe()


def test_an_unknown_name_is_told_with_the_closest():
    with pytest.raises(
        ValueError, match=r"Did you mean .sentiment-movies.\?"
    ) as caught:
        load_recipe("sentiment_movies")
    assert "Known recipes: sentiment-imdb, sentiment-movies." in str(caught.value)


def test_a_config_that_is_no_recipe_is_told(tmp_path):
    folder = write_recipe(tmp_path / "mine")
    (folder / "config.yaml").write_text("task: SentimentClassifier\nmodel: {}\n")
    with pytest.raises(ValueError, match="missing: preprocessor, data, training"):
        load_recipe(str(folder))
    (folder / "config.yaml").write_text("a: [")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_recipe(str(folder))
    # Nothing in a recipe is executed.
    (folder / "config.yaml").write_text("a: !!python/object/apply:os.getcwd []")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_recipe(str(folder))
