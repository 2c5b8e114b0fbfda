"""Linen modules over `jaxcnn.ops`: the layers that more than one family of models shares."""
