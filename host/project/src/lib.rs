//! The folder of a plugin's author: templates, WIT, bindings, and the way from sources to a component.
