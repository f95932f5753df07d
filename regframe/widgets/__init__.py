"""Pickers and an explorer for notebooks, of ipywidgets.

They are ordinary widgets: a cell that ends with one shows it. Nothing blocks the kernel, everything can be reached by
the keyboard, and everything can be set from Python as well as by hand.
"""

from regframe.widgets.explorer import Explorer, explore
from regframe.widgets.registry_picker import RegistryPicker
from regframe.widgets.repository_picker import RepositoryPicker
from regframe.widgets.tag_picker import TagPicker

__all__ = ["Explorer", "RegistryPicker", "RepositoryPicker", "TagPicker", "explore"]
