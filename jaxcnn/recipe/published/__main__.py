"""python -m jaxcnn.recipe.published: the recipes as docs/imagenet.md has them."""

from jaxcnn.recipe.published.page import table

if __name__ == "__main__":
    print(table())
