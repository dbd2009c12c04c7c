"""The recipes, one folder each. Installed as the package `kerasrnn.zoo.recipes`."""

if __name__ == "zoo":
    raise ImportError(
        "The folder `zoo` holds data and is not a package of its own: import the "
        "models from `kerasrnn.zoo`, and list the recipes with "
        "`kerasrnn.zoo.list_recipes()`."
    )
